/* global jest, testTimeoutMs */

// Jest takes a project's own testTimeout without a word and then does not apply it.
jest.setTimeout(testTimeoutMs);
