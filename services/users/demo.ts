import { randomInt } from "node:crypto";
import type { Role } from "@molecart/mixins/contracts/common.ts";
import type { DemoLogin } from "@molecart/mixins/contracts/users.ts";

export interface DemoAccount {
  /** What the account is shown for. */
  role: Role;
  email: string;
  name: string;
  roles: readonly Role[];
}

export const DEMO_ACCOUNTS: readonly DemoAccount[] = [
  { role: "staff", email: "staff@molecart.example", name: "Demo Staff", roles: ["staff", "admin"] },
  { role: "customer", email: "customer@molecart.example", name: "Demo Customer", roles: ["customer"] },
];

/** Without those that are taken for one another: 0 and o, 1, i and l. */
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
const GROUP = 4;

/** Readable and unguessable: four groups of four, 79 bits. */
const newPassword = (): string =>
  Array.from({ length: 4 }, () => Array.from({ length: GROUP }, () => LETTERS[randomInt(LETTERS.length)]).join("")).join("-");

export const newDemoLogins = (): DemoLogin[] =>
  DEMO_ACCOUNTS.map(({ role, email }) => ({ role, email, password: newPassword() }));

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";

/** Undefined when the text is not a login for each demo account. */
export const parseDemoLogins = (text: string): DemoLogin[] | undefined => {
  try {
    const kept = JSON.parse(text) as Partial<DemoLogin>[];
    const logins = DEMO_ACCOUNTS.map(({ role, email }) => {
      const password = kept.find((login) => login.email === email)?.password;
      return { role, email, password };
    });
    return logins.every((login): login is DemoLogin => isText(login.password)) ? logins : undefined;
  } catch {
    return undefined;
  }
};
