const fs = require('fs'); const os = require('os');
fs.appendFileSync(process.env.GITHUB_OUTPUT, `multi<<ghadelimiter_1${os.EOL}line1\nline2${os.EOL}ghadelimiter_1${os.EOL}`);
fs.appendFileSync(process.env.GITHUB_OUTPUT, 'json=' + JSON.stringify({ list: [{ name: 'first' }, { name: 'second name' }] }) + '\n');
fs.appendFileSync(process.env.GITHUB_ENV, 'FROM_JS=yes\n');
process.stdout.write('::group::Grouped\ninside the group\n::endgroup::\n');
if (process.env.INPUT_FAIL) { console.log('::error::' + process.env.INPUT_FAIL); process.exitCode = 1; }
