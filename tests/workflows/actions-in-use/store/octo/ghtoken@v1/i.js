if (!process.env.INPUT_TOKEN.startsWith('ghs_')) process.exit(1);
