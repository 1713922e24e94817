// Bookmarks: kept in the log as the debugger's are, behind its last frame.
// Who has the file appends what is answered here.

import type { WorkerSession } from '../session.ts';

export async function bookmarks(session: WorkerSession, _ask: null) {
  return (await session.recording()).bookmarks;
}

/** `position` null takes it away. The frame is what has to be appended to the file. */
export async function setBookmark(
  session: WorkerSession,
  ask: { name: string; note: string; position: { tick: number; seq: number } | null },
) {
  const opened = await session.recording();
  const frame = opened.setBookmark(ask.name, ask.note, ask.position);
  return { frame, bookmarks: opened.bookmarks };
}
