// Reads lines `preset TAB policy` and fails if the evaluator has something to say about one of them.
'use strict';

const { readFileSync } = require('node:fs');
const { CspEvaluator } = require('csp_evaluator');
const { CspParser } = require('csp_evaluator/dist/parser.js');
const { Type } = require('csp_evaluator/dist/finding.js');

// Both presets send a list as others wrote it, in which scripts fall back to `default-src 'self'`: a file that a user
// uploaded would do as a script. The finding has to be there, so that a waiver nobody needs does not stay.
const SELF = [Type.SCRIPT_ALLOWLIST_BYPASS, 'default-src', "'self'"].join(' ');
const WAIVED = { classic: [SELF], owasp: [SELF] };

const lines = readFileSync(0, 'utf8').split('\n').filter(Boolean);
if (lines.length === 0) throw new Error('no policy was given');

for (const line of lines) {
  const [preset, policy] = line.split('\t');
  const waived = WAIVED[preset] ?? [];
  const findings = new CspEvaluator(new CspParser(policy).csp).evaluate();
  const keys = findings.map(({ type, directive, value }) => [type, directive, value].join(' '));
  const open = findings.filter((_, i) => !waived.includes(keys[i]));
  const stale = waived.filter((key) => !keys.includes(key));
  for (const { directive, description } of open) console.error(`${preset}: ${directive}: ${description}`);
  for (const key of stale) console.error(`${preset}: there is no finding "${key}" to waive any more`);
  if (open.length + stale.length > 0) process.exitCode = 1;
  else console.log(`${preset}: ${findings.length} findings, ${waived.length} waived`);
}
