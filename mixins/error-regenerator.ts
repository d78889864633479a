import { Errors } from "moleculer";
import { MolecartError } from "./lib/errors.ts";

interface PlainError {
  name: string;
  message: string;
  code: number;
  type: string;
  data?: unknown;
  retryable: boolean;
}

/** An error of ours that came from another node: the class is that node's business, the meaning is kept. */
class RemoteError extends MolecartError {
  readonly retryable: boolean;
  constructor(plain: PlainError) {
    super(plain.type, plain.code, plain.message, plain.data);
    this.name = plain.name;
    this.retryable = plain.retryable;
  }
}

/** The framework loses `retryable` of errors that are not its own. */
export class ErrorRegenerator extends Errors.Regenerator {
  override restoreCustomError(plain: Parameters<InstanceType<typeof Errors.Regenerator>["restoreCustomError"]>[0]) {
    const error = plain as unknown as PlainError;
    const isFrameworks = Object.hasOwn(Errors, error.name);
    if (isFrameworks || typeof error.type !== "string" || typeof error.retryable !== "boolean") return undefined as never;
    return new RemoteError(error) as never;
  }
}
