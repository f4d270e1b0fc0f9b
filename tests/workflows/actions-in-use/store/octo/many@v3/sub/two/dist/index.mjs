import { readFileSync } from 'node:fs';
console.log('two', process.env.INPUT_X, JSON.parse(readFileSync(process.env.GITHUB_EVENT_PATH, 'utf8')).ref);
