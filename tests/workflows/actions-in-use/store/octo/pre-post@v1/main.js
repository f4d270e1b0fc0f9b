console.log(`main ${process.env.INPUT_NAME} ${process.env.STATE_pre}`);
require('fs').appendFileSync(process.env.GITHUB_STATE, `main=main-${process.env.INPUT_NAME}\n`);
if (process.env.INPUT_FAIL === 'main') process.exit(1);
