/** A suite that broke outside its tests (does not load, a hook fails) has no failed test, but has failed. */
const brokenSuites = (results) =>
  results.testResults.filter((suite) => suite.failureMessage && suite.numFailingTests === 0).length;

/** Ends every run with one plain line for machines: `12 passed, 0 failed, 1 skipped`. A results processor, because Jest
 *  puts its own summary after the last reporter. */
module.exports = (results) => {
  const failed = results.numFailedTests + brokenSuites(results);
  const skipped = results.numPendingTests + results.numTodoTests;
  process.stdout.write(`\n${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
  return results;
};
