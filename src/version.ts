/**
 * The version of this program, for every log that it writes. package.json says the same, which a test holds together
 * with this: a page in a browser cannot read that file.
 */
export const VERSION = '0.1.0';

/** What a log's header calls the program that wrote it. */
export const CREATOR = `reprise ${VERSION}`;
