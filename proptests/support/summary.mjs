/**
 * A reporter for node's test runner that writes one JSON object when everything has run: how many tests passed,
 * failed and were skipped, and each skipped test with its reason. run.mjs prints it under node's own report.
 *
 * Plain JavaScript because node loads it by path, before and without any build.
 */
export default async function* summary(events) {
  const counts = { passed: 0, failed: 0, skipped: [] };
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    if (data.skip !== undefined) counts.skipped.push({ name: data.name, reason: data.skip === true ? '' : data.skip });
    else if (type === 'test:pass') counts.passed++;
    else counts.failed++;
  }
  yield JSON.stringify(counts);
}
