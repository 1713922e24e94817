-- A client of the Debug Adapter Protocol inside Neovim, for one session: it starts `reprise dap` as an editor's plug-in
-- would, speaks by luv's pipes, opens the source that a stop names and puts the cursor on its line. What the session
-- sees goes to the file in REPRISE_OUT, a line each; neovim.ts holds it against what is right.

local uv = vim.loop
local out = assert(io.open(os.getenv('REPRISE_OUT'), 'w'))
local function say(name, value)
  out:write(name .. ' ' .. tostring(value) .. '\n')
  out:flush()
end

local stdin, stdout, stderr = uv.new_pipe(false), uv.new_pipe(false), uv.new_pipe(false)
local responses, events = {}, {}
local buffered, seq = '', 0

local handle
handle = uv.spawn(os.getenv('REPRISE_NODE'), {
  args = { os.getenv('REPRISE_PATH'), 'dap' },
  stdio = { stdin, stdout, stderr },
}, function(code)
  events.closed = { code = code }
end)
assert(handle, 'the adapter does not start')

local function take()
  local _, stop, length = buffered:find('Content%-Length: *(%d+)\r\n\r\n')
  if not stop or #buffered < stop + tonumber(length) then return false end
  local text = buffered:sub(stop + 1, stop + tonumber(length))
  buffered = buffered:sub(stop + tonumber(length) + 1)
  local message = vim.json.decode(text)
  if message.type == 'response' then responses[message.request_seq] = message end
  if message.type == 'event' then events[message.event] = message.body or true end
  return true
end

stdout:read_start(function(problem, data)
  assert(not problem, problem)
  if not data then return end
  buffered = buffered .. data
  while take() do end
end)
stderr:read_start(function() end)

local function await(what, get)
  local found
  assert(vim.wait(60000, function()
    found = get()
    return found ~= nil
  end, 5), what .. ' does not come')
  return found
end

local function request(command, arguments)
  seq = seq + 1
  local mine = seq
  local empty = arguments == nil or next(arguments) == nil
  local body = { seq = mine, type = 'request', command = command }
  body.arguments = empty and vim.empty_dict() or arguments
  local text = vim.json.encode(body)
  stdin:write('Content-Length: ' .. #text .. '\r\n\r\n' .. text)
  local response = await('an answer to ' .. command, function() return responses[mine] end)
  assert(response.success, command .. ': ' .. tostring(response.message))
  return response.body or {}
end

local function event(name)
  local found = await('the event ' .. name, function() return events[name] end)
  events[name] = nil
  return found
end

-- Moves, and shows where that leads: the cursor of the editor stands on the line of the stop.
local function move(command, arguments)
  request(command, arguments or { threadId = 1 })
  local stopped = event('stopped')
  local frame = request('stackTrace', { threadId = 1, levels = 1 }).stackFrames[1]
  if frame.source and frame.line > 0 then
    vim.cmd('edit ' .. vim.fn.fnameescape(frame.source.path))
    vim.api.nvim_win_set_cursor(0, { frame.line, 0 })
    say('line', vim.trim(vim.api.nvim_get_current_line()))
  else
    say('at', frame.name)
  end
  return stopped.reason, frame
end

local function session()
  local capabilities = request('initialize', { adapterID = 'reprise', supportsProgressReporting = true })
  say('stepsBack', capabilities.supportsStepBack)
  request('launch', { log = os.getenv('REPRISE_LOG'), symbols = { os.getenv('REPRISE_SYMBOLS') } })
  event('initialized')
  local source = { path = os.getenv('REPRISE_SOURCE') }
  local line = tonumber(os.getenv('REPRISE_LINE'))
  local set = request('setBreakpoints', { source = source, breakpoints = { { line = line } } })
  say('verified', set.breakpoints[1].verified)
  request('configurationDone')
  say('reason', event('stopped').reason)
  say('reason', move('continue'))
  move('next')
  move('stepBack')
  move('stepIn')
  move('stepOut')
  local total = request('evaluate', { expression = 'total', context = 'watch', frameId = 1 })
  say('total', total.result)
  local info = request('dataBreakpointInfo', { name = 'total', frameId = 1 })
  request('setBreakpoints', { source = source, breakpoints = {} })
  request('setDataBreakpoints', { breakpoints = { { dataId = info.dataId, accessType = 'write' } } })
  say('reason', move('continue'))
  say('reason', move('reverseContinue'))
  say('origin', request('evaluate', { expression = 'origin total', context = 'repl' }).result:match('^[^\n]+'))
  request('disconnect')
  event('closed')
  say('end', 'well')
end

local isWell, problem = pcall(session)
if not isWell then say('problem', problem) end
out:close()
vim.cmd(isWell and 'qall!' or 'cquit 1')
