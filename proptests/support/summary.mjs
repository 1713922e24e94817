/**
 * A reporter for node's test runner that writes one JSON object when everything has run: how many tests passed,
 * failed and were skipped, each skipped test with its reason, and the sum of times of each file's tests. run.mjs prints
 * it under node's own report.
 *
 * Plain JavaScript because node loads it by path, before and without any build.
 */
export default async function* summary(events) {
  const counts = { passed: 0, failed: 0, skipped: [], msByFile: {} };
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.nesting === 0 && data.file !== undefined)
      counts.msByFile[data.file] = (counts.msByFile[data.file] ?? 0) + (data.details?.duration_ms ?? 0);
    if (data.details?.type === 'suite') continue;
    if (data.skip !== undefined) counts.skipped.push({ name: data.name, reason: data.skip === true ? '' : data.skip });
    else if (type === 'test:pass') counts.passed++;
    else counts.failed++;
  }
  yield JSON.stringify(counts);
}
