/* The silicon witness: runs short 32- and 16-bit programs at CPL 3 on the host processor and reports what they did.
 *
 * A freestanding x86-64 Linux process (no libc, no headers, no multilib needed). Its own code, data and stacks lie
 * above 4 GiB; test code runs in compatibility mode (CS 0x23 or an LDT selector) and owns the whole low 4 GiB, so no
 * stray pointer of a test can reach the witness. A case is entered by a CPL-3 IRETQ, which loads SS:ESP, CS:EIP and
 * EFLAGS (TF, RF, AC, NT, ID included) at once, and left by any fault, trap or timer signal. The handler takes the
 * state out of the signal frame and jumps back to the loop without sigreturn: an untroubled case costs no system call
 * but the one fault. Protocol and meaning of every field: ../protocol.ts; artefacts of Linux: ../README.md.
 * It does not judge, normalise flags or know any instruction. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

enum { PAGE = 4096, SLOT_COUNT = 128, LDT_COUNT = 64, FX_BYTES = 288 };
enum { REQUEST_BYTES_MAX = 16 << 20, RESPONSE_BYTES_MAX = 32 << 20 };
enum { TICK_MICROSECONDS = 10000, TICKS_TO_TIMEOUT = 2 };
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
enum { MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000,
       MAP_POPULATE = 0x8000 };
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGPROF = 27, SIGSYS = 31 };
enum {
  SYS_read = 0, SYS_write = 1, SYS_mmap = 9, SYS_mprotect = 10, SYS_munmap = 11, SYS_rt_sigaction = 13,
  SYS_rt_sigreturn = 15,
  SYS_madvise = 28, SYS_setitimer = 38, SYS_exit = 60, SYS_sigaltstack = 131, SYS_modify_ldt = 154, SYS_prctl = 157,
  SYS_mlockall = 151, SYS_exit_group = 231, SYS_memfd_create = 319
};
/* How a case ended; the same numbers stand in protocol.ts. */
enum { STOP_FAULT, STOP_TIMEOUT, STOP_SYSCALL, STOP_REJECTED_ENTRY, STOP_REJECTED_DESCRIPTOR, STOP_REJECTED_MAPPING,
       STOP_MALFORMED, STOP_TICK };
enum { FLAG_TF = 0x100, FLAG_FIXED = 0x202, FLAGS_SETTABLE = 0x254dd5 }; /* CF PF AF ZF SF TF DF OF NT RF AC ID */
enum { FLAT_CODE32 = 0x23, LONG_CODE = 0x33 };

static long sys6(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#define sys(number, a, b, c, d) sys6(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

void *memcpy(void *to, const void *from, u64 count) {
  void *result = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  return result;
}
void *memset(void *to, int value, u64 count) {
  void *result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
  return result;
}

/* ---- entering and leaving test code ---- */

/* Offsets are known to the assembly below. Selector order: es cs ss ds fs gs; register order is the manual's. */
struct Entry {
  u32 gpr[8];
  u32 eip, eflags;
  u16 selector[6];
  u16 pad[2];
  u64 *iretFrame;
  u8 fx[512]; /* offset 64, 16-byte aligned for FXRSTOR */
};
static struct Entry entry __attribute__((aligned(64)));
u64 witness_main_rsp;
static struct { u32 stop, vector, errorCode, cr2; } ending;

void witness_enter(struct Entry *from);
void witness_signal(void);
void witness_restorer(void);
extern char witness_entry_begin[], witness_entry_end[];

/* AC and NT survive into a handler: alignment checks would hit C code, and NT makes a later IRETQ fault. */
__asm__(
  ".text\n"
  ".globl _start\n_start: xor %ebp, %ebp; and $-16, %rsp; call witness_main; ud2\n"
  ".globl witness_enter\nwitness_enter:\n"
  "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
  "  mov %rsp, witness_main_rsp(%rip)\n"
  ".globl witness_entry_begin\nwitness_entry_begin:\n"
  "  fxrstor 64(%rdi)\n"
  "  mov 40(%rdi), %es; mov 46(%rdi), %ds; mov 48(%rdi), %fs; mov 50(%rdi), %gs\n"
  "  mov 56(%rdi), %rsp\n"
  "  mov (%rdi), %eax; mov 4(%rdi), %ecx; mov 8(%rdi), %edx; mov 12(%rdi), %ebx\n"
  "  mov 20(%rdi), %ebp; mov 24(%rdi), %esi; mov 28(%rdi), %edi\n"
  "  xor %r8d, %r8d; xor %r9d, %r9d; xor %r10d, %r10d; xor %r11d, %r11d\n"
  "  xor %r12d, %r12d; xor %r13d, %r13d; xor %r14d, %r14d; xor %r15d, %r15d\n"
  ".globl witness_entry_end\nwitness_entry_end:\n"
  "  iretq\n"
  ".globl witness_signal\nwitness_signal:\n"
  "  pushfq; pushq $2; popfq\n"
  "  call witness_on_signal\n"
  "  test %eax, %eax; jnz 1f\n"
  "  popfq; ret\n" /* into the restorer: the interrupted code was the witness itself */
  "1: mov witness_main_rsp(%rip), %rsp\n"
  "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
  ".globl witness_restorer\nwitness_restorer: mov $15, %eax; syscall; ud2\n");

struct SignalContext { /* arch/x86 uapi sigcontext_64 */
  u64 r8[8], di, si, bp, bx, dx, ax, cx, sp, ip, flags;
  u16 cs, gs, fs, ss;
  u64 err, trapno, oldmask, cr2;
  u8 *fpstate;
};
struct UserContext { u64 flags, link, stack[3]; struct SignalContext context; };

static void die(const char *message) {
  u64 length = 0;
  while (message[length]) length++;
  sys(SYS_write, 2, message, length, 0);
  sys(SYS_exit_group, 3, 0, 0, 0);
}

/* Nonzero: go back to the loop with the state in `entry` and `ending`. Zero: resume what was interrupted. */
__attribute__((used)) int witness_on_signal(int signal, void *info, struct UserContext *user) {
  (void)info;
  struct SignalContext *at = &user->context;
  if (at->cs == LONG_CODE && at->ip >> 32) {
    if (signal == SIGPROF) return 0;
    if (at->ip < (u64)witness_entry_begin || at->ip > (u64)witness_entry_end) die("witness: fault in its own code\n");
    ending.stop = STOP_REJECTED_ENTRY;
    ending.vector = (u32)at->trapno;
    ending.errorCode = (u32)at->err;
    return 1;
  }
  u16 es, ds, fs, gs;
  __asm__ volatile("mov %%es, %0; mov %%ds, %1; mov %%fs, %2; mov %%gs, %3" : "=r"(es), "=r"(ds), "=r"(fs), "=r"(gs));
  __asm__ volatile("mov %0, %%es; mov %0, %%ds; mov %0, %%fs; mov %0, %%gs" : : "r"(0));
  entry.gpr[0] = (u32)at->ax; entry.gpr[1] = (u32)at->cx; entry.gpr[2] = (u32)at->dx; entry.gpr[3] = (u32)at->bx;
  entry.gpr[4] = (u32)at->sp; entry.gpr[5] = (u32)at->bp; entry.gpr[6] = (u32)at->si; entry.gpr[7] = (u32)at->di;
  entry.eip = (u32)at->ip;
  entry.eflags = (u32)at->flags;
  entry.selector[0] = es; entry.selector[1] = at->cs; entry.selector[2] = at->ss;
  entry.selector[3] = ds; entry.selector[4] = fs; entry.selector[5] = gs;
  memcpy(entry.fx, at->fpstate, FX_BYTES);
  /* The kernel saves with a 64-bit operand size: the words of FCS and FDS hold the upper halves of the pointers. */
  *(u32 *)(entry.fx + 12) = 0;
  *(u32 *)(entry.fx + 20) = 0;
  *(u32 *)(entry.fx + 28) = 0;
  for (int i = 0; i < 8; i++) memset(entry.fx + 32 + 16 * i + 10, 0, 6);
  ending.vector = (u32)at->trapno;
  ending.errorCode = (u32)at->err;
  ending.cr2 = (u32)at->cr2;
  ending.stop = signal == SIGPROF ? STOP_TICK : signal == SIGSYS ? STOP_SYSCALL : STOP_FAULT;
  return 1;
}

/* ---- memory ---- */

/* Guest pages are frames of one memfd: mapped low with the case's protection, and high, always writable, for us. */
static int framesFile;
static u8 *frames;
static struct { u32 linear, protection, fill, filled; u8 used, mapped; } slots[SLOT_COUNT];
static u8 fillOf[SLOT_COUNT][PAGE] __attribute__((aligned(64)));
static u8 initialOf[SLOT_COUNT][PAGE] __attribute__((aligned(64)));

static void fillPage(u8 *page, u32 linear, u32 fill) {
  if (fill < 256) { memset(page, (int)fill, PAGE); return; }
  for (u32 offset = 0; offset < PAGE; offset += 4) {
    u32 x = ((linear + offset) >> 2) * 0x9e3779b1u + fill * 0x85ebca77u;
    x ^= x >> 15; x *= 0x2c1b3c6du; x ^= x >> 12; x *= 0x297a2d39u; x ^= x >> 15;
    *(u32 *)(page + offset) = x;
  }
}

static int slotOf(u32 linear) {
  for (int i = 0; i < SLOT_COUNT; i++) if (slots[i].mapped && slots[i].linear == linear) return i;
  return -1;
}

static int wantPage(u32 linear, u32 protection, u32 fill) {
  int index = slotOf(linear);
  if (index < 0) {
    for (index = 0; index < SLOT_COUNT && slots[index].mapped; index++) {}
    if (index == SLOT_COUNT) { /* reuse one that this case has not asked for */
      for (index = 0; index < SLOT_COUNT && slots[index].used; index++) {}
      if (index == SLOT_COUNT) return 0;
      sys(SYS_munmap, slots[index].linear, PAGE, 0, 0);
      slots[index].mapped = 0;
    }
  }
  if (!slots[index].mapped || slots[index].protection != protection) {
    /* Populated at once, so that a first touch is never a not-present fault of the kernel's own making. */
    long at = sys6(SYS_mmap, linear, PAGE, (long)(PROT_READ | protection), MAP_SHARED | MAP_FIXED | MAP_POPULATE,
                   framesFile, (long)index * PAGE);
    if (at != (long)linear) { slots[index].mapped = 0; return 0; }
    if (!slots[index].mapped || slots[index].linear != linear) slots[index].filled = 0;
    slots[index].mapped = 1;
    slots[index].linear = linear;
    slots[index].protection = protection;
  }
  if (!slots[index].filled || slots[index].fill != fill) {
    fillPage(fillOf[index], linear, fill);
    slots[index].filled = 1;
    slots[index].fill = fill;
  }
  slots[index].used = 1;
  memcpy(initialOf[index], fillOf[index], PAGE);
  return 1;
}

static void dropUnusedPages(void) {
  for (int i = 0; i < SLOT_COUNT; i++) if (slots[i].mapped && !slots[i].used) {
    sys(SYS_munmap, slots[i].linear, PAGE, 0, 0);
    slots[i].mapped = 0;
  }
}

static int patch(u32 address, const u8 *bytes, u32 count) {
  while (count) {
    int index = slotOf(address & ~(u32)(PAGE - 1));
    if (index < 0 || !slots[index].used) return 0;
    u32 offset = address & (PAGE - 1), part = PAGE - offset < count ? PAGE - offset : count;
    memcpy(initialOf[index] + offset, bytes, part);
    address += part; bytes += part; count -= part;
  }
  return 1;
}

/* ---- local descriptor table ---- */

struct UserDescriptor { u32 index, base, limit, flags; };
static struct { u32 base, limit, flags; u8 set, used; } ldt[LDT_COUNT];

/* flags as in linux/ldt.h: 32-bit 1, contents 2 bits, read/exec only 8, limit in pages 16, not present 32,
   usable 64. */
static int wantDescriptor(u32 index, u32 base, u32 limit, u32 flags) {
  if (index >= LDT_COUNT) return 0;
  ldt[index].used = 1;
  if (ldt[index].set && ldt[index].base == base && ldt[index].limit == limit && ldt[index].flags == flags) return 1;
  struct UserDescriptor wanted = { index, base, limit, flags };
  if (sys(SYS_modify_ldt, 0x11, &wanted, sizeof wanted, 0)) return 0;
  ldt[index].set = 1; ldt[index].base = base; ldt[index].limit = limit; ldt[index].flags = flags;
  return 1;
}

static void clearUnusedDescriptors(void) {
  for (u32 i = 0; i < LDT_COUNT; i++) if (ldt[i].set && !ldt[i].used) {
    struct UserDescriptor empty = { i, 0, 0, 8 | 32 }; /* the pattern that modify_ldt takes for "clear" */
    sys(SYS_modify_ldt, 0x11, &empty, sizeof empty, 0);
    ldt[i].set = 0;
  }
}

/* ---- cases ---- */

static u8 request[REQUEST_BYTES_MAX] __attribute__((aligned(64)));
static u8 response[RESPONSE_BYTES_MAX] __attribute__((aligned(64)));
static u8 defaultFx[512] __attribute__((aligned(64)));
static u8 *iretFrames; /* 4 GiB, 4 GiB-aligned: see run() */
static u32 casesSinceTrim;

struct CaseHeader {
  u32 size, flags, gpr[8], eip, eflags;
  u16 selector[6];
  u32 steps;
  u16 descriptorCount, regionCount, patchCount, reserved;
};
struct DescriptorRecord { u32 index, base, limit, flags; };
struct RegionRecord { u32 address; u16 pageCount, protection; u32 fill; };
struct PatchRecord { u32 address, count; };
struct ResultHeader {
  u32 size, stop, gpr[8], eip, eflags;
  u16 selector[6];
  u32 vector, errorCode, cr2, stepCount;
  u8 fx[FX_BYTES];
  u32 changeCount;
};

/* An IRET to a stack segment with B=0 leaves the upper half of ESP alone: the frame is placed where RSP already
   has it. */
static void run(void) {
  u64 *frame = (u64 *)(iretFrames + (entry.gpr[4] & 0xffff0000u) + 0x8000);
  frame[0] = entry.eip;
  frame[1] = entry.selector[1];
  frame[2] = (entry.eflags & FLAGS_SETTABLE) | FLAG_FIXED;
  frame[3] = entry.gpr[4];
  frame[4] = entry.selector[2];
  entry.iretFrame = frame;
  witness_enter(&entry);
}

static u32 prepare(const struct CaseHeader *c, const u8 *end) {
  const u8 *at = (const u8 *)(c + 1);
  for (int i = 0; i < SLOT_COUNT; i++) slots[i].used = 0;
  for (int i = 0; i < LDT_COUNT; i++) ldt[i].used = 0;
  for (u32 i = 0; i < c->descriptorCount; i++) {
    const struct DescriptorRecord *d = (const void *)at;
    at += sizeof *d;
    if (at > end) return STOP_MALFORMED;
    if (!wantDescriptor(d->index, d->base, d->limit, d->flags)) return STOP_REJECTED_DESCRIPTOR;
  }
  clearUnusedDescriptors();
  for (u32 i = 0; i < c->regionCount; i++) {
    const struct RegionRecord *r = (const void *)at;
    at += sizeof *r;
    if (at > end || r->address % PAGE) return STOP_MALFORMED;
    for (u32 page = 0; page < r->pageCount; page++)
      if (!wantPage(r->address + page * PAGE, r->protection & (PROT_WRITE | PROT_EXEC), r->fill))
        return STOP_REJECTED_MAPPING;
  }
  dropUnusedPages();
  for (u32 i = 0; i < c->patchCount; i++) {
    const struct PatchRecord *p = (const void *)at;
    at += sizeof *p;
    if (at > end || p->count > (u64)(end - at)) return STOP_MALFORMED;
    if (!patch(p->address, at, p->count)) return STOP_REJECTED_MAPPING;
    at += (p->count + 3) & ~3u;
  }
  for (int i = 0; i < SLOT_COUNT; i++) if (slots[i].used) memcpy(frames + i * PAGE, initialOf[i], PAGE);
  memcpy(entry.gpr, c->gpr, sizeof entry.gpr);
  entry.eip = c->eip;
  entry.eflags = c->eflags | (c->steps ? FLAG_TF : 0);
  memcpy(entry.selector, c->selector, sizeof entry.selector);
  memcpy(entry.fx, defaultFx, sizeof defaultFx);
  if (c->flags & 1) {
    if (at + FX_BYTES > end) return STOP_MALFORMED;
    memcpy(entry.fx, at, FX_BYTES);
  }
  return STOP_FAULT;
}

/* Exact runs of changed bytes; runs that meet at a page edge are joined by the client. */
static u8 *writeChanges(u8 *out, u8 *limit, u32 *count) {
  for (int i = 0; i < SLOT_COUNT; i++) if (slots[i].used && (slots[i].protection & PROT_WRITE)) {
    const u8 *now = frames + i * PAGE, *was = initialOf[i];
    for (u32 offset = 0; offset < PAGE;) {
      if (!(offset & 7) && *(u64 *)(now + offset) == *(u64 *)(was + offset)) { offset += 8; continue; }
      if (now[offset] == was[offset]) { offset++; continue; }
      u32 first = offset;
      while (offset < PAGE && now[offset] != was[offset]) offset++;
      u32 length = offset - first;
      if (out + 12 + length > limit) return out;
      struct PatchRecord *p = (void *)out;
      p->address = slots[i].linear + first;
      p->count = length;
      memcpy(out + sizeof *p, now + first, length);
      out += sizeof *p + ((length + 3) & ~3u);
      ++*count;
    }
  }
  return out;
}

static u8 *runCase(const struct CaseHeader *c, const u8 *end, u8 *out, u8 *limit) {
  u32 stepCount = 0, ticks = 0;
  ending.vector = ending.errorCode = ending.cr2 = 0;
  ending.stop = prepare(c, end);
  if (ending.stop == STOP_FAULT) for (;;) {
    run();
    if (ending.stop == STOP_TICK) {
      if (++ticks < TICKS_TO_TIMEOUT) continue;
      ending.stop = STOP_TIMEOUT;
      break;
    }
    if (ending.stop == STOP_FAULT && ending.vector == 1 && c->steps && ++stepCount < c->steps) continue;
    break;
  }
  struct ResultHeader *r = (void *)out;
  memset(r, 0, sizeof *r);
  r->stop = ending.stop;
  r->vector = ending.vector;
  r->errorCode = ending.errorCode;
  r->cr2 = ending.cr2;
  r->stepCount = stepCount;
  u8 *at = (u8 *)(r + 1);
  if (ending.stop <= STOP_SYSCALL) {
    memcpy(r->gpr, entry.gpr, sizeof r->gpr);
    r->eip = entry.eip;
    r->eflags = entry.eflags;
    memcpy(r->selector, entry.selector, sizeof r->selector);
    memcpy(r->fx, entry.fx, FX_BYTES);
    at = writeChanges(at, limit, &r->changeCount);
  }
  r->size = (u32)(at - out);
  if (++casesSinceTrim >= 65536) {
    casesSinceTrim = 0;
    sys(SYS_madvise, iretFrames, 1L << 32, 4, 0); /* DONTNEED */
  }
  return at;
}

static int readAll(u8 *to, u64 count) {
  while (count) {
    long got = sys(SYS_read, 0, to, count, 0);
    if (got == -4) continue;
    if (got <= 0) return 0;
    to += got; count -= (u64)got;
  }
  return 1;
}
static void writeAll(const u8 *from, u64 count) {
  while (count) {
    long put = sys(SYS_write, 1, from, count, 0);
    if (put == -4) continue;
    if (put <= 0) sys(SYS_exit_group, 2, 0, 0, 0);
    from += put; count -= (u64)put;
  }
}

/* ---- setting up ---- */

static u32 hello[4 + 12]; /* magic, status, errno, CPUID signature, brand string */

static void refuse(u32 status, long error) {
  hello[1] = status;
  hello[2] = (u32)-error;
  writeAll((u8 *)hello, sizeof hello);
  sys(SYS_exit_group, 0, 0, 0, 0);
}

static void cpuid(u32 leaf, u32 *out) {
  __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

/* System calls only from 64-bit code above 4 GiB, and only those the loop needs; anything else is SIGSYS. */
static long confine(void) {
  struct Filter { u16 code; u8 yes, no; u32 k; };
  enum { LOAD = 0x20, EQUAL = 0x15, RETURN = 0x06 };
  static const u16 allowed[] = { SYS_read, SYS_write, SYS_mmap, SYS_munmap, SYS_rt_sigreturn, SYS_madvise,
                                 SYS_modify_ldt, SYS_exit_group };
  enum { ALLOWED_COUNT = sizeof allowed / sizeof *allowed };
  struct Filter filter[5 + ALLOWED_COUNT + 2];
  u32 n = 0;
  filter[n++] = (struct Filter){ LOAD, 0, 0, 4 };
  filter[n++] = (struct Filter){ EQUAL, 0, ALLOWED_COUNT + 3, 0xc000003e };
  filter[n++] = (struct Filter){ LOAD, 0, 0, 12 };
  filter[n++] = (struct Filter){ EQUAL, ALLOWED_COUNT + 1, 0, 0 };
  filter[n++] = (struct Filter){ LOAD, 0, 0, 0 };
  for (u32 i = 0; i < ALLOWED_COUNT; i++)
    filter[n++] = (struct Filter){ EQUAL, (u8)(ALLOWED_COUNT - i), 0, allowed[i] };
  filter[n++] = (struct Filter){ RETURN, 0, 0, 0x00030000 };
  filter[n++] = (struct Filter){ RETURN, 0, 0, 0x7fff0000 };
  struct { u16 length; struct Filter *filter; } program = { (u16)n, filter };
  long error = sys6(SYS_prctl, 38, 1, 0, 0, 0, 0); /* PR_SET_NO_NEW_PRIVS */
  return error ? error : sys6(SYS_prctl, 22, 2, (long)&program, 0, 0, 0);
}

static void setUp(void) {
  u32 leaf[4];
  hello[0] = 0x31575052; /* "RPW1" */
  cpuid(1, leaf);
  hello[3] = leaf[0];
  for (u32 i = 0; i < 3; i++) cpuid(0x80000002 + i, hello + 4 + 4 * i);

  framesFile = (int)sys(SYS_memfd_create, "witness", 0, 0, 0);
  if (framesFile < 0) refuse(1, framesFile);
  long error = sys(77 /* ftruncate */, framesFile, SLOT_COUNT * PAGE, 0, 0);
  if (error) refuse(1, error);
  long at = sys6(SYS_mmap, 0, SLOT_COUNT * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, framesFile, 0);
  if (at < 0 && at > -4096) refuse(2, at);
  frames = (u8 *)at;
  at = sys6(SYS_mmap, 0, 2L << 32, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at < 0 && at > -4096) refuse(2, at);
  at = (at + 0xffffffffL) & ~0xffffffffL;
  error = sys(SYS_mprotect, at, 1L << 32, PROT_READ | PROT_WRITE, 0);
  if (error) refuse(2, error);
  iretFrames = (u8 *)at;

  static u8 signalStack[1 << 16] __attribute__((aligned(64)));
  struct { void *sp; u32 flags, pad; u64 size; } stack = { signalStack, 0, 0, sizeof signalStack };
  error = sys(SYS_sigaltstack, &stack, 0, 0, 0);
  if (error) refuse(3, error);
  static const u8 signals[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGPROF, SIGSYS };
  for (u32 i = 0; i < sizeof signals; i++) {
    struct { void (*handler)(void); u64 flags; void (*restorer)(void); u64 mask; } action =
      /* SIGINFO RESTORER ONSTACK RESTART NODEFER */
      { witness_signal, 0x4 | 0x04000000 | 0x08000000 | 0x10000000 | 0x40000000, witness_restorer, 0 };
    error = sys(SYS_rt_sigaction, signals[i], &action, 0, 8);
    if (error) refuse(3, error);
  }
  struct UserDescriptor probe = { 1, 0x10000, 15, 8 | 64 };
  error = sys(SYS_modify_ldt, 0x11, &probe, sizeof probe, 0);
  ldt[1].set = 1;
  if (error) refuse(4, error);
  clearUnusedDescriptors();
  /* CPU time, not wall time: a loaded machine makes no timeouts. */
  u64 interval[4] = { 0, TICK_MICROSECONDS, 0, TICK_MICROSECONDS };
  error = sys(SYS_setitimer, 2, interval, 0, 0);
  if (error) refuse(5, error);
  error = confine();
  if (error) refuse(6, error);
  *(u16 *)defaultFx = 0x37f;
  *(u32 *)(defaultFx + 24) = 0x1f80;
  writeAll((u8 *)hello, sizeof hello);
}

__attribute__((used)) void witness_main(void) {
  setUp();
  for (;;) {
    u32 head[2];
    if (!readAll((u8 *)head, sizeof head)) sys(SYS_exit_group, 0, 0, 0, 0);
    if (head[0] > REQUEST_BYTES_MAX) die("witness: request too long\n");
    if (!readAll(request, head[0])) die("witness: request cut short\n");
    const u8 *at = request, *end = request + head[0];
    u8 *out = response + 8;
    for (u32 i = 0; i < head[1]; i++) {
      const struct CaseHeader *c = (const void *)at;
      if (end - at < (long)sizeof *c || c->size < sizeof *c || c->size > end - at) die("witness: malformed request\n");
      /* Room for a result that changed every other byte of every page. */
      if (response + RESPONSE_BYTES_MAX - out < (long)(sizeof(struct ResultHeader) + 6 * SLOT_COUNT * PAGE))
      die("witness: response too long\n");
      out = runCase(c, at + c->size, out, response + RESPONSE_BYTES_MAX);
      at += c->size;
    }
    ((u32 *)response)[0] = (u32)(out - response) - 8;
    ((u32 *)response)[1] = head[1];
    writeAll(response, (u64)(out - response));
  }
}
