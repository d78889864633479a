import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import type { Identified } from "../document-store/collection.ts";

/** The documents of a NeDB file, each as the fact that it is turned into. The file is read as the log that it is: each line is a
 *  document as it was from then on, or the note that it is gone. */
export const readNedbLog = async <F>(file: string, toFact: (document: Identified) => F): Promise<F[]> => {
  const facts = new Map<string, F>();
  let number = 0;
  for await (const line of wholeLines(await currentFile(file))) {
    number += 1;
    if (line === "") continue;
    const entry = parse(line, number);
    // Lines without a key tell NeDB of its indexes.
    if (typeof entry._id !== "string") continue;
    if (entry.$$deleted === true) facts.delete(entry._id);
    else facts.set(entry._id, toFact(entry as unknown as Identified));
  }
  return [...facts.values()];
};

/** What follows the last line break is an append that has not ended; nobody was told that it is stored. */
async function* wholeLines(file: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of createReadStream(file, { encoding: "utf8" })) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() as string;
    yield* lines;
  }
}

const parse = (line: string, number: number): Record<string, unknown> => {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    // Without the parser's words: they quote the line, and a document may hold what is nobody's business.
    throw new Error(`line ${number} is damaged`);
  }
};

/** A compaction that was killed between its two renames leaves the whole file under the other name, as NeDB's own start knows. */
const currentFile = async (file: string): Promise<string> => {
  const exists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  return !(await exists(file)) && (await exists(`${file}~`)) ? `${file}~` : file;
};
