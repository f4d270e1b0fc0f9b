process.exit(process.env.INPUT_FAIL ? 1 : 0);
