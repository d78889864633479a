const { isNativeError } = require("node:util").types;

/** Errors made by Node's core belong to another realm than the tests and are no `instanceof Error` there; Moleculer then
 *  replaces them and loses their code. So `Error` (and only it, not its subclasses) takes native errors of any realm. */
const ordinary = Function.prototype[Symbol.hasInstance];
Object.defineProperty(Error, Symbol.hasInstance, {
  value(value) {
    return (this === Error && isNativeError(value)) || ordinary.call(this, value);
  },
});
