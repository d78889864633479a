/** Columns as wide as their widest value; the last one as long as it likes. */
export const table = (head: readonly string[], rows: readonly (readonly unknown[])[]): string => {
  const lines = [head, ...rows].map((row) => row.map((value) => (value === null || value === undefined ? "" : String(value))));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const rule = widths.map((width) => "-".repeat(width));
  return [lines[0] as string[], rule, ...lines.slice(1)]
    .map((line) =>
      line
        .map((value, column) => value.padEnd(widths[column] as number))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
};

const LONGEST_MESSAGE = 80;

/** One line of it. */
export const short = (text: string | null): string => {
  const line = (text ?? "").replaceAll(/\s+/g, " ");
  return line.length <= LONGEST_MESSAGE ? line : `${line.slice(0, LONGEST_MESSAGE - 1)}…`;
};
