// What a page is given besides its own program: a recording, its images, files of symbols, texts of sources. Either
// stands in the page, or a server beside the page has it; the page itself does not care. Types, and where in the page
// they are listed. Imports nothing, because whoever writes a page reads it too (host/node/viewer-page.ts).

/** Id of the element with the list. */
export const ATTACHMENTS_ID = 'attachments';

/** What it is for: `names` is JSON of GivenNames, `source` the text of a file that debug information names. */
export type AttachmentRole = 'log' | 'image' | 'symbols' | 'names' | 'source';

export interface Attachment {
  readonly role: AttachmentRole;
  /** What a person calls it: the name of its file. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Id of an element of the page whose text is its bytes in base 64, or an address beside the page. */
  readonly element?: string;
  readonly address?: string;
  /** Of an image that is read in parts as they are wanted: its digest. */
  readonly sha256?: string;
  /** Of symbols: how far their code is from where they say, where that was given. */
  readonly offset?: number;
}

/** Symbols of a built-in guest, which its image does not carry: name, address, kind. */
export interface GivenNames {
  readonly label: string;
  readonly symbols: readonly (readonly [string, number, 'code' | 'data' | 'absolute'])[];
}

export interface PageSettings {
  readonly attachments: readonly Attachment[];
  /** Bookmarks are sent there, to be kept in the log; null: they stay in the page. */
  readonly keeper: string | null;
  /** The engine to begin with. */
  readonly engine?: string;
}

export const NO_SETTINGS: PageSettings = { attachments: [], keeper: null };
