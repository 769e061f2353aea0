import { expect, it } from 'vitest';

import type { MessagesRequest } from '../bindings/MessagesRequest';
import type { MessagesView } from '../bindings/MessagesView';
import { all, aPageForEveryTest, backend, click, one, page, pass, press } from '../test-page';

aPageForEveryTest();

async function open(): Promise<void> {
  all('feed')[1]!.click();
  press('i');
  await pass(0);
}

const shown = (): number => all('message').findIndex((row) => row.getAttribute('aria-selected') === 'true');

it('are_shown_where_a_message_shows_the_finding_and_only_there', async () => {
  await open();
  const findings = page.integrity.chosen.findings;
  all('found').forEach((item, i) => {
    const button = item.querySelector('[data-testid=messages-open]');
    expect(button !== null).toBe(findings[i]!.message !== null);
  });
  expect(findings.some((finding) => finding.message === null)).toBe(true);
});

it('around_a_finding_have_its_own_in_focus', async () => {
  await open();
  const finding = page.integrity.chosen.findings.find(({ message }) => message !== null)!;
  await click('messages-open');
  const call = backend.calls.find((text) => text.startsWith('messages '))!;
  const request = JSON.parse(call.slice('messages '.length)) as MessagesRequest;
  expect(request).toEqual({ feed: 2, at_ms: finding.at_ms, number: finding.message });
  expect(all('message')).toHaveLength(41);
  expect(shown()).toBe(20);
  expect(all('message')[20]!.classList).toContain('focus');
  expect(document.activeElement).toBe(one('messages'));
  expect(one('messages').getAttribute('aria-activedescendant')).toBe(all('message')[20]!.id);
});

it('are_shown_as_text', async () => {
  await open();
  await click('messages-open');
  expect(document.querySelector('dialog img')).toBe(null);
  expect(one('message-text').tagName).toBe('PRE');
  expect(one('message-text').textContent).toContain('<img src=x onerror=alert(1)>');
});

it('are_gone_through_with_arrows_and_say_outcome_and_reason', async () => {
  await open();
  await click('messages-open');
  const go = (key: string): void => press(key, {}, one('messages'));
  expect(all('message-reason')).toHaveLength(0);
  go('ArrowDown');
  go('ArrowDown');
  go('ArrowDown');
  expect(shown()).toBe(23);
  expect(all('message')[23]!.textContent).toContain('unreadable');
  expect(one('message-reason').textContent).toContain('a string has no end, from byte 54 on.');
  go('ArrowUp');
  expect(shown()).toBe(22);
  go('End');
  go('ArrowDown');
  expect(shown()).toBe(40);
  go('Home');
  go('ArrowUp');
  expect(shown()).toBe(0);
  all('message')[5]!.click();
  await pass(0);
  expect(shown()).toBe(5);
});

it('give_the_focus_back_when_they_are_closed', async () => {
  await open();
  one('messages-open').focus();
  await click('messages-open');
  document.querySelector('dialog')!.dispatchEvent(new Event('close'));
  await pass(0);
  expect(document.querySelector('dialog')).toBe(null);
  expect(document.activeElement).toBe(one('messages-open'));
});

it('that_were_forgotten_leave_a_note', async () => {
  backend.messages = async (): Promise<MessagesView> => ({
    messages: [],
    focus: null,
    note: 'These messages were forgotten: 64 MiB of a feed are kept.'
  });
  await open();
  await click('messages-open');
  expect(one('messages-note').textContent).toContain('64 MiB of a feed are kept.');
  expect(all('message-text')).toHaveLength(0);
  press('ArrowDown', {}, one('messages'));
  expect(all('message')).toHaveLength(0);
});

it('that_could_not_be_read_say_why_and_are_asked_again', async () => {
  const works = backend.messages.bind(backend);
  backend.messages = async () => {
    throw { code: 'disk', message: 'The history cannot be read.', cure: 'Check the disk.' };
  };
  await open();
  await click('messages-open');
  expect(one('messages-problem').textContent).toContain('The history cannot be read. Check the disk.');
  backend.messages = works;
  one('messages-problem').nextElementSibling!.querySelector('button')!.click();
  await pass(0);
  expect(all('messages-problem')).toHaveLength(0);
  expect(all('message')).toHaveLength(41);
});
