// Makes the same calls as any program would, through Slack's SDKs, and prints every answer as JSON.
// Standard input is {"url", "token", "narrow": a token without most scopes, "bolt": bool}.
import { readFileSync } from 'node:fs';
import { App, LogLevel } from '@slack/bolt';
import { WebClient } from '@slack/web-api';

const { url, token, narrow, bolt } = JSON.parse(readFileSync(0, 'utf8'));
const options = { slackApiUrl: url, logLevel: LogLevel.ERROR, retryConfig: { retries: 0 } };
const client = bolt
  ? new App({ token, signingSecret: 'unused', logLevel: LogLevel.ERROR, clientOptions: options }).client
  : new WebClient(token, options);

// answer is what the SDK returns, or the error as Slack's answer has it.
async function answer(promise) {
  try {
    return await promise;
  } catch (e) {
    return e.data ?? { thrown: String(e) };
  }
}

async function everyone(limit) {
  const pages = [];
  for await (const page of client.paginate('users.list', { limit, include_locale: true })) {
    pages.push(page.members);
  }
  return pages;
}

// each calls f for every item, up to 20 at once.
async function each(items, f) {
  const all = {};
  const queue = items.values();
  await Promise.all(Array.from({ length: 20 }, async () => {
    for (const item of queue) all[item] = await answer(f(item));
  }));
  return all;
}

const result = { lists: {} };
for (const limit of [1000, 333, 90]) result.lists[limit] = await everyone(limit);
const people = result.lists[1000].flat().sort((a, b) => (a.id < b.id ? -1 : 1));
const ids = people.map((p) => p.id);
const emails = people.filter((p) => p.profile.email && p.team_id).map((p) => p.profile.email);

result.infos = await each(ids, (user) => client.users.info({ user, include_locale: true }));
result.several = await answer(client.apiCall('users.info', { users: ids.slice(0, 200).join(','), include_locale: true }));
result.profiles = await each(ids.slice(0, 400), (user) => client.users.profile.get({ user, include_labels: true }));
result.emails = await each(emails.slice(0, 400), (email) => client.users.lookupByEmail({ email: email.toUpperCase() }));

const calls = {
  'auth.test': (c) => c.auth.test(),
  'team.info': (c) => c.team.info(),
  'team.profile.get': (c) => c.team.profile.get(),
  'emoji.list': (c) => c.emoji.list(),
  'users.info': (c) => c.users.info({ user: ids[7] }),
  'users.profile.get': (c) => c.users.profile.get({ user: ids[7] }),
  'users.lookupByEmail': (c) => c.users.lookupByEmail({ email: emails[7] }),
  'nobody by id': (c) => c.users.info({ user: 'U0NOBODY' }),
  'nobody among several': (c) => c.apiCall('users.info', { users: `${ids[0]},U0NOBODY` }),
  'nobody by address': (c) => c.users.lookupByEmail({ email: 'nobody@example.com' }),
  'nobody’s profile': (c) => c.users.profile.get({ user: 'U0NOBODY' }),
  'no limit': (c) => c.users.list({ limit: 0 }),
  'too large a limit': (c) => c.users.list({ limit: 1001 }),
  'a limit in words': (c) => c.users.list({ limit: 'all' }),
  'a limit below zero': (c) => c.users.list({ limit: -1 }),
  'a cursor made up': (c) => c.users.list({ limit: 10, cursor: 'bm9uZQ==' }),
  'a method made up': (c) => c.apiCall('users.everybody'),
};
const clients = { '': client, narrow: new WebClient(narrow, options), unknown: new WebClient('xoxb-unknown', options), none: new WebClient(undefined, options) };
result.calls = {};
for (const [who, c] of Object.entries(clients)) {
  for (const [name, call] of Object.entries(calls)) result.calls[`${name} ${who}`.trim()] = await answer(call(c));
}
process.stdout.write(JSON.stringify(result));
