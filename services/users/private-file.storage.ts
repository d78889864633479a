import { link, mkdir, open, readFile, unlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { newId } from "@molecart/mixins/lib/ids.ts";

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

/** Undefined when there is no such file. */
export const readPrivateFile = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
};

const syncFolder = async (path: string): Promise<void> => {
  // Windows opens no folders, and needs none of this.
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  await folder.sync().finally(() => folder.close());
};

/** Creates a file that only its owner can read, whole or not at all: written aside, on disk, and then linked into its place,
 *  which fails if the place is taken. Answers what is in the file afterwards: this content, or that of whoever was first. */
export const createPrivateFile = async (path: string, content: string): Promise<string> => {
  await mkdir(dirname(path), { recursive: true });
  const aside = `${path}.${newId()}`;
  try {
    await writeFile(aside, content, { flag: "wx", mode: 0o600, flush: true });
    await link(aside, path);
    await syncFolder(dirname(path));
    return content;
  } catch (error) {
    const winners = codeOf(error) === "EEXIST" ? await readPrivateFile(path) : undefined;
    if (winners === undefined) throw error;
    return winners;
  } finally {
    await unlink(aside).catch(() => {});
  }
};

export const removePrivateFile = (path: string): Promise<void> => unlink(path);
