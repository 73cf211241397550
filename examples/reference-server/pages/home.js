'use strict';
{
  const API = '/api/v1';
  const VIEWS = ['password-form', 'code-form', 'account'];
  const element = (id) => document.getElementById(id);

  /* Tokens are here and nowhere else: the one that outlives the page is in a cookie that no script reads. */
  let accessToken = null;
  let mfaToken = null;

  const say = (text) => {
    element('message').textContent = text;
  };

  const show = (view, focused) => {
    for (const id of VIEWS) element(id).hidden = id !== view;
    if (focused) element(focused).focus();
  };

  const send = (method, path, body) => {
    const headers = {};
    if (accessToken) headers.authorization = `Bearer ${accessToken}`;
    if (body) headers['content-type'] = 'application/json';
    return fetch(API + path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store' });
  };

  const complain = async (answer) => {
    const problem = await answer.json().catch(() => ({}));
    const details = (problem.errors ?? []).map((error) => `: ${error.detail}`);
    const after = answer.headers.get('retry-after');
    const again = after ? `. Try again in ${after} seconds` : '';
    say((problem.title ?? `The server answered with ${answer.status}`) + details.join('') + again + '.');
  };

  /* The next access token, for the cookie. */
  const renew = async () => {
    accessToken = null;
    const answer = await send('POST', '/auth/refresh');
    if (answer.ok) accessToken = (await answer.json()).access_token;
    else if (answer.status === 429 || answer.status >= 500) await complain(answer);
    return answer.ok;
  };

  const ask = async (method, path) => {
    const answer = await send(method, path);
    if (answer.status !== 401 || !(await renew())) return answer;
    return send(method, path);
  };

  const cell = (content) => {
    const cell = document.createElement('td');
    cell.append(content);
    return cell;
  };

  const moment = (text) => {
    const time = document.createElement('time');
    time.dateTime = text;
    time.textContent = new Date(text).toLocaleString();
    return cell(time);
  };

  const end = async (session) => {
    const answer = await ask('DELETE', `/sessions/${session.id}`);
    if (!answer.ok) return complain(answer);
    await account('account-title');
    say('The session has ended.');
  };

  const row = (session) => {
    const row = document.createElement('tr');
    const client = session.user_agent ?? session.client_id;
    let last = 'this one';
    if (!session.current) {
      last = document.createElement('button');
      last.type = 'button';
      last.textContent = 'End';
      last.setAttribute('aria-label', `End the session with ${client}`);
      doing(last, 'click', () => end(session));
    }
    const seen = [moment(session.created_at), moment(session.last_refreshed_at)];
    row.append(...seen, cell(session.ip ?? ''), cell(client), cell(last));
    return row;
  };

  const account = async (focused) => {
    const [me, sessions] = [await ask('GET', '/me'), await ask('GET', '/sessions')];
    if (!accessToken) return show('password-form', focused && 'email');
    const refused = [me, sessions].find((answer) => !answer.ok);
    if (refused) return complain(refused);
    const { email, tenant, roles } = await me.json();
    element('me-email').textContent = email;
    element('me-tenant').textContent = tenant;
    element('me-roles').textContent = roles.join(', ');
    element('sessions').replaceChildren(...(await sessions.json()).items.map(row));
    show('account', focused);
  };

  const signedIn = async (answer) => {
    if (!answer.ok) return complain(answer);
    const tokens = await answer.json();
    element('password').value = '';
    element('code').value = '';
    mfaToken = tokens.mfa_token ?? null;
    if (mfaToken) return show('code-form', 'code');
    accessToken = tokens.access_token;
    await account('account-title');
    if (tokens.must_change_password) say('This password is known from a breach: nothing works before there is another.');
  };

  const signIn = async () => {
    accessToken = null;
    const [email, password, tenant] = ['email', 'password', 'tenant'].map((id) => element(id).value);
    const body = { email, password, tenant: tenant || null, cookie: true };
    await signedIn(await send('POST', '/auth/login', body));
  };

  const confirm = async () => {
    const code = element('code').value.trim();
    const proof = /^[0-9]{6}$/.test(code) ? { code } : { recovery_code: code };
    await signedIn(await send('POST', '/auth/mfa/totp/verify', { mfa_token: mfaToken, ...proof, cookie: true }));
  };

  const signOut = async () => {
    const answer = await ask('POST', '/auth/logout');
    if (!answer.ok && accessToken) return complain(answer);
    accessToken = null;
    element('sessions').replaceChildren();
    show('password-form', 'email');
    say('You are signed out.');
  };

  /* One thing at a time: who is impatient must not sign in twice. */
  let busy = false;
  const once = async (action) => {
    if (busy) return;
    busy = true;
    say('');
    try {
      await action();
    } catch (error) {
      console.error(error);
      say('The server cannot be reached.');
    } finally {
      busy = false;
    }
  };

  const doing = (target, name, action) => {
    target.addEventListener(name, (event) => {
      event.preventDefault();
      once(action);
    });
  };

  doing(element('password-form'), 'submit', signIn);
  doing(element('code-form'), 'submit', confirm);
  doing(element('back'), 'click', () => show('password-form', 'email'));
  doing(element('sign-out'), 'click', signOut);
  once(async () => {
    if (await renew()) await account();
    else show('password-form');
  });
}
