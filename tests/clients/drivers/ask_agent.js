// node ask_agent.js PROMPT: the printed function, called once.

import { askAgent } from '../printed/ask_agent.ts';

await askAgent(process.argv[2]);
