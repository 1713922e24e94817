/**
 * The tables of the query language, in the order in which help shows them. A table is added as a row here: parser, help
 * and completion go by it.
 */
import type { Table } from './table.ts';
import { CODE_TABLES } from './tables-calls.ts';
import { EVENT_TABLES } from './tables-events.ts';

export const TABLES: readonly Table[] = [...CODE_TABLES, ...EVENT_TABLES];
