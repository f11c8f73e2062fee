<?php

// A CRM's PHP back end calls Hearth: REDIS_URL=redis://… php call.php TENANT
//
// celery-php pushes to the list named by its exchange (Hearth's routes do not apply to it): `ingest` for leads and
// outcomes, `inference` for scores. Left out, it is `celery`, which the inference workers also read.

declare(strict_types=1);

error_reporting(E_ALL & ~E_DEPRECATED); // celery-php sets properties that it does not declare

require __DIR__ . '/vendor/autoload.php';

const PATIENCE = 30.0;
const LOOK_EVERY = 50000; // microseconds

/** What a task answers instead of a result: for InvalidPayload a code and the places to mend. */
final class Refused extends RuntimeException
{
    public string $type;
    /** @var array<int, array{loc: string, msg: string}> */
    public array $places;

    public function __construct(array $result)
    {
        [$code, $places] = array_pad((array) ($result['exc_message'] ?? []), 2, []);
        parent::__construct((string) $code);
        $this->type = (string) ($result['exc_type'] ?? '');
        $this->places = (array) $places;
    }
}

/** Sends tasks of one tenant and waits for their envelopes. */
final class Caller
{
    private array $clients = [];
    private array $broker;
    private string $tenant;
    private \Celery\RedisConnector $connector;
    private \Predis\Client $results;

    public function __construct(string $url, string $tenant)
    {
        $parts = parse_url($url);
        $this->tenant = $tenant;
        $this->broker = [
            'host' => $parts['host'],
            'port' => $parts['port'] ?? 6379,
            'password' => rawurldecode($parts['pass'] ?? ''),
            'vhost' => ltrim($parts['path'] ?? '', '/') ?: '0',
        ];
        $this->connector = new \Celery\RedisConnector();
        $this->results = $this->connector->GetConnectionObject($this->broker);
    }

    /** An associative array is sent as keyword arguments. An empty object in it is `new stdClass`: `[]` is a list. */
    public function call(string $queue, string $task, array $kwargs): array
    {
        $sent = $this->on($queue)->PostTask($task, ['tenant_id' => $this->tenant] + $kwargs);
        return $this->wait($sent->getId());
    }

    // Exchange and binding both name the queue: a message that is given back would otherwise find no way to it.
    private function on(string $queue): \Celery\Celery
    {
        ['host' => $host, 'port' => $port, 'password' => $password, 'vhost' => $database] = $this->broker;
        return $this->clients[$queue] ??=
            new \Celery\Celery($host, '', $password, $database, $queue, $queue, $port, 'redis');
    }

    // celery-php's own get() takes any state for the last one, RETRY too, and deletes what it has read.
    private function wait(string $id): array
    {
        for ($deadline = microtime(true) + PATIENCE; microtime(true) < $deadline; usleep(LOOK_EVERY)) {
            $stored = $this->connector->GetMessageBody($this->results, $id, 0, false);
            $status = $stored ? $stored['complete_result']['status'] : 'PENDING';
            if ($status === 'SUCCESS') {
                return $stored['complete_result']['result'];
            }
            if ($status === 'FAILURE' || $status === 'REVOKED') {
                throw new Refused((array) $stored['complete_result']['result']);
            }
        }
        throw new RuntimeException("no answer to $id within " . PATIENCE . ' s');
    }
}

$url = getenv('REDIS_URL');
if (!$url || $argc !== 2) {
    fwrite(STDERR, "usage: REDIS_URL=redis://… php call.php TENANT\n");
    exit(2);
}
$hearth = new Caller($url, $argv[1]);
$lead = [
    'source_system' => 'crm',
    'external_id' => 'CRM-4001',
    'first_name' => 'Dario',
    'last_name' => 'Elmsworth',
    'email' => 'dario.elmsworth@example.com',
    'lead_type' => 'buyer',
    'timeline' => '3-6',
    'listing_views' => 9,
];

$hearth->call('inference', 'hearth.tenants.configure', ['settings' => ['name' => 'Simulated CRM']]);
$upserted = $hearth->call('ingest', 'hearth.leads.upsert', ['leads' => [$lead]]);
$scored = $hearth->call('inference', 'hearth.leads.score', ['lead_id' => $upserted['data']['lead_ids'][0]]);
printf("%s %.2f by %s\n", $scored['status'], $scored['data']['lead']['probability'], $scored['model']['version']);

try {
    $hearth->call('inference', 'hearth.leads.score', ['lead_id' => 'nobody']);
} catch (Refused $refused) {
    printf("refused: %s %s at %s\n", $refused->type, $refused->getMessage(), $refused->places[0]['loc']);
}
