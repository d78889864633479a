import { type FileHandle, open } from "node:fs/promises";

const NEWLINE = 0x0a;
const CHUNK_BYTES = 64 * 1024;

/** Cuts off what follows the last line break: the rest of an append that a kill or a full disk has ended early, and that
 *  nobody was told is stored. Answers how many bytes that were. */
export const cutTornLine = async (file: string): Promise<number> => {
  const handle = await open(file, "r+");
  try {
    const { size } = await handle.stat();
    const end = await endOfLastLine(handle, size);
    if (end < size) await handle.truncate(end);
    return size - end;
  } finally {
    await handle.close();
  }
};

const endOfLastLine = async (handle: FileHandle, size: number): Promise<number> => {
  const chunk = Buffer.alloc(Math.min(size, CHUNK_BYTES));
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - chunk.length);
    const { bytesRead } = await handle.read(chunk, 0, end - start, start);
    const newline = chunk.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
};

export const syncFile = async (file: string): Promise<void> => {
  const handle = await open(file, "r+");
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
};

/** NeDB's reader ends a line at these characters too, which JSON leaves as they are: text with one of them would come back
 *  as two damaged lines. */
export const escapeLineBreaks = (line: string): string =>
  line.replace(/[\u0085\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
