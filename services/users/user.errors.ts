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
    super("TOO_MANY_SIGN_INS", 429, "Too many sign-ins at once; try again in a moment");
  }
}

export class DemoNotAvailable extends Refusal {
  constructor() {
    super("DEMO_NOT_AVAILABLE", 409, "The demo shop exists in the embedded mode only");
  }
}
