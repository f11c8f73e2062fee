<?php

// A CRM's PHP back end calls Hearth's HTTP gateway; nothing to install, PHP 8.1 or newer:
//
//   GATEWAY_URL=http://127.0.0.1:8080 GATEWAY_KEY_ID=… GATEWAY_SECRET=hs_… php call.php

declare(strict_types=1);

const TRIES = 6;

/** What the gateway answers instead of a result: for 422 with the places to correct. */
final class Refused extends RuntimeException
{
    public function __construct(public readonly int $status, public readonly array $error)
    {
        parent::__construct((string) ($error['code'] ?? 'no_json'));
    }
}

/** One try: [status, seconds of Retry-After, decoded answer]; status 0 is no answer. The secret itself is not sent. */
function attempt(string $method, string $target, string $body, array $headers): array
{
    $at = time();
    $digest = hash_hmac('sha256', "$at.$method.$target.$body", getenv('GATEWAY_SECRET'));
    $headers[] = 'X-Hearth-Key: ' . getenv('GATEWAY_KEY_ID');
    $headers[] = "X-Hearth-Signature: t=$at,v1=$digest";
    $sent = ['method' => $method, 'header' => $headers, 'content' => $body, 'timeout' => 30, 'ignore_errors' => true];
    $answer = @file_get_contents(getenv('GATEWAY_URL') . $target, false, stream_context_create(['http' => $sent]));
    $told = implode("\n", $http_response_header ?? []);
    preg_match('~^HTTP/\S+ (\d{3})~', $told, $status);
    preg_match('~^Retry-After: (\d+)~im', $told, $wait);
    return [(int) ($status[1] ?? 0), (int) ($wait[1] ?? 0), json_decode((string) $answer, true) ?? []];
}

/** Sends until there is an answer: 429 and 503 say when, what broke is tried after 1, 2, 4 … seconds and some more. */
function send(string $method, string $target, string $body = '', array $headers = []): array
{
    for ($tried = 1; ; $tried++) {
        [$status, $wait, $answer] = attempt($method, $target, $body, $headers);
        if ($status === 200 || $status === 202) {
            return $answer;
        }
        if (($status !== 0 && $status !== 429 && $status <= 500) || $tried === TRIES) {
            throw new Refused($status, $answer['error'] ?? []);
        }
        usleep(1000000 * ($wait ?: 2 ** ($tried - 1)) + random_int(0, 500000));
    }
}

/** What a task answers. One idempotency key for all tries: however often it is sent, the task is done once. */
function call(string $task, array $arguments, ?string $key = null, int $patience = 60): array
{
    $headers = ['Content-Type: application/json', 'Idempotency-Key: ' . ($key ?? bin2hex(random_bytes(16)))];
    $told = send('POST', "/v1/tasks/$task?wait=10", json_encode($arguments ?: new stdClass()), $headers);
    for ($end = time() + $patience; in_array($told['state'] ?? null, ['accepted', 'pending'], true); ) {
        if (time() > $end) {
            throw new RuntimeException("{$told['task_id']} has not ended after $patience s; ask again later");
        }
        $told = send('GET', "/v1/tasks/{$told['task_id']}?wait=10"); // it is not lost: ask for it
    }
    if (($told['state'] ?? null) === 'failed') {
        throw new Refused(200, $told['error']);
    }
    return $told['result'] ?? $told; // 200 at once is the answer itself
}

if (!getenv('GATEWAY_URL') || !getenv('GATEWAY_KEY_ID') || !getenv('GATEWAY_SECRET')) {
    fwrite(STDERR, "set GATEWAY_URL, GATEWAY_KEY_ID and GATEWAY_SECRET\n");
    exit(2);
}
$lead = ['external_id' => 'CRM-6001', 'first_name' => 'Otis', 'email' => 'otis.fernhill@example.com', 'timeline' => '3-6'];
$key = bin2hex(random_bytes(16));
$upserted = call('hearth.leads.upsert', ['leads' => [$lead]], $key);
$lead_score = call('hearth.leads.score', ['external_id' => 'CRM-6001'])['data']['lead'];
printf("created %d, %.2f %s\n", $upserted['data']['created'], $lead_score['probability'], $lead_score['band']);
foreach (['other arguments' => ['0-3', $key], 'wrong' => ['soon', null]] as $what => [$timeline, $under]) {
    try {
        call('hearth.leads.upsert', ['leads' => [['timeline' => $timeline] + $lead]], $under);
    } catch (Refused $refused) {
        $loc = $refused->error['errors'][0]['loc'] ?? '';
        printf("%s: %s\n", $what, trim("{$refused->status} {$refused->getMessage()} $loc"));
    }
}
