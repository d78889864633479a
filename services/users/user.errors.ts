import { NotYet, Refusal } from "@molecart/mixins/lib/errors.ts";

export class EmailTaken extends Refusal {
  constructor() {
    super("EMAIL_TAKEN", 409, "An account with this e-mail address exists already");
  }
}

/** The same for an unknown address and a wrong password: it must not tell who has an account. */
export class InvalidCredentials extends Refusal {
  constructor() {
    super("INVALID_CREDENTIALS", 401, "The e-mail address or the password is wrong");
  }
}

export class InvalidRefreshToken extends Refusal {
  constructor() {
    super("INVALID_REFRESH_TOKEN", 401, "The refresh token is unknown, used, expired or revoked");
  }
}

export class UserNotFound extends Refusal {
  constructor(userId: string) {
    super("USER_NOT_FOUND", 404, `There is no user ${userId}`);
  }
}

export class AddressNotFound extends Refusal {
  constructor(addressId: string) {
    super("ADDRESS_NOT_FOUND", 404, `This user has no address ${addressId}`);
  }
}

export class TooManyAddresses extends Refusal {
  constructor(limit: number) {
    super("TOO_MANY_ADDRESSES", 409, `A user can have at most ${limit} addresses`, { limit });
  }
}

/** 429, not 503: the service is well, and its circuit must not open for those who get their turn. */
export class TooManySignIns extends NotYet {
  constructor() {
    super("TOO_MANY_SIGN_INS", 429, "Too many sign-ins at once; try again in a moment", { retryAfterSeconds: 1 });
  }
}

/** For an address with an account and one without it alike. */
export class TooManyTries extends Refusal {
  constructor(retryAfterSeconds: number) {
    super("TOO_MANY_TRIES", 429, `Too many wrong passwords; the next try is possible in ${retryAfterSeconds} s`, {
      retryAfterSeconds,
    });
  }
}

/** Told only to whoever knows the password. */
export class AccountDisabled extends Refusal {
  constructor() {
    super("ACCOUNT_DISABLED", 403, "The account is disabled");
  }
}

export class WrongPassword extends Refusal {
  constructor() {
    super("WRONG_PASSWORD", 403, "The current password is wrong");
  }
}

export class InvalidResetToken extends Refusal {
  constructor() {
    super("INVALID_RESET_TOKEN", 400, "The token is unknown, used, expired or replaced by a newer one");
  }
}

export class ApiKeyNotFound extends Refusal {
  constructor(keyId: string) {
    super("API_KEY_NOT_FOUND", 404, `This user has no API key ${keyId}`);
  }
}

export class TooManyApiKeys extends Refusal {
  constructor(limit: number) {
    super("TOO_MANY_API_KEYS", 409, `A user can have at most ${limit} API keys`, { limit });
  }
}

export class ScopeNotAllowed extends Refusal {
  constructor(scope: string) {
    super("SCOPE_NOT_ALLOWED", 403, `The scope ${scope} is for the shop's staff`, { scope });
  }
}

export class ExpiryInThePast extends Refusal {
  constructor() {
    super("EXPIRY_IN_THE_PAST", 422, "The key would have expired already");
  }
}

export class NotYourself extends Refusal {
  constructor() {
    super("NOT_YOURSELF", 409, "Administrators cannot take away their own rights: another one must do it");
  }
}

export class DemoNotAvailable extends Refusal {
  constructor() {
    super("DEMO_NOT_AVAILABLE", 409, "The demo shop exists in the embedded mode only");
  }
}
