console.log(`post ${process.env.INPUT_NAME} state=${process.env.STATE_main} pre=${process.env.STATE_pre}`);
if (process.env.INPUT_FAIL === 'post') process.exit(2);
