// A headless Chromium, brought by npm, and the page that is served at the URL in SERVED.

import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../clients/', import.meta.url));
const modules = join(dirname(require.resolve('playwright-core/package.json')), '..');
const { chromium } = require('playwright-core');

// The browser is unpacked once, beside what it is unpacked from; whole, or not at all. The package
// does that in the directory for temporary files; and the libraries that a small Linux may lack it
// unpacks only where it believes to be on the platform that it was made for.
const unpacked = join(modules, '.chromium');
if (!existsSync(unpacked)) {
  const { TMPDIR } = process.env;
  Object.assign(process.env, {
    TMPDIR: `${unpacked}-${process.pid}`,
    AWS_LAMBDA_JS_RUNTIME: 'nodejs24.x',
  });
  mkdirSync(process.env.TMPDIR);
  const packed = pathToFileURL(join(modules, '@sparticuz/chromium/build/index.js'));
  await (await import(packed)).default.executablePath();
  const fonts = join(unpacked, 'fonts'); // the package's own file names directories of /tmp
  writeFileSync(
    join(process.env.TMPDIR, 'fonts/fonts.conf'),
    `<fontconfig><dir>${fonts}</dir><cachedir>${fonts}/cache</cachedir></fontconfig>`,
  );
  renameSync(process.env.TMPDIR, unpacked);
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
}
process.env.LD_LIBRARY_PATH = join(unpacked, 'al2023/lib');
process.env.FONTCONFIG_PATH = join(unpacked, 'fonts');

export const HOME = `${process.env.SERVED}/`;

// Call `test` with a new page, then close the browser, and print as JSON what `test` returns and
// all that the page has complained of.
export async function inBrowser(test, options = {}) {
  const browser = await chromium.launch({
    executablePath: join(unpacked, 'chromium'),
    args: ['--no-sandbox', '--no-zygote'], // containers run as root
  });
  try {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints = [];
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (said) => {
      if (['error', 'warning'].includes(said.type())) complaints.push(said.text());
    });
    console.log(JSON.stringify({ told: await test(page), complaints }));
  } finally {
    await browser.close();
  }
}

// With the keyboard, as soon as the prompt has the focus.
export async function ask(page, prompt) {
  await page.getByLabel('Ask the agent').focus();
  await page.keyboard.type(prompt);
  await page.keyboard.press('Enter');
}

// Wait for the end of the turn.
export async function answered(page) {
  await page.locator('.agent').last().and(page.locator('[aria-busy=false]')).waitFor();
}

// What is shown, in its order: what each element is, and its words.
export function conversation(page) {
  const parts = page.locator('.user p, .thinking, .tool, .request, .text, .note, .error, #log dl');
  return parts.evaluateAll((all) =>
    all
      .filter((each) => !each.parentElement.closest('.tool, .request'))
      .map((each) => {
        const kind = each.className || each.parentElement.className;
        return [kind, each.innerText.replace(/\s+/g, ' ').trim()];
      }),
  );
}
