// A CRM's Go back end calls Hearth: REDIS_URL=redis://… go run . TENANT
//
// gocelery writes straight to the queue of its broker (Hearth's routes do not apply to it): `ingest` for leads and
// outcomes, `inference` for scores. Left out, the queue is `celery`, which the inference workers also read.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gocelery/gocelery"
	"github.com/gomodule/redigo/redis"
)

const (
	patience  = 30 * time.Second
	lookEvery = 50 * time.Millisecond
)

// Object is a JSON object.
type Object = map[string]interface{}

// Place is where a message is wrong, and why; the value itself is never repeated.
type Place struct {
	Loc string `json:"loc"`
	Msg string `json:"msg"`
}

// Refused is what a task answers instead of a result: for InvalidPayload a code and the places to correct.
type Refused struct {
	Type   string
	Code   string
	Places []Place
}

func (r *Refused) Error() string {
	return fmt.Sprintf("%s %s %v", r.Type, r.Code, r.Places)
}

// Caller sends tasks of one tenant and waits for their envelopes.
type Caller struct {
	pool   *redis.Pool
	tenant string
}

// Call sends a task by name with keyword arguments. Never hand nil to DelayKwargs: it becomes `kwargs: null`, which is
// dropped without an answer.
func (c Caller) Call(queue, task string, kwargs Object) (Object, error) {
	broker := gocelery.NewRedisBroker(c.pool)
	broker.QueueName = queue
	backend := &gocelery.RedisCeleryBackend{Pool: c.pool}
	client, err := gocelery.NewCeleryClient(broker, backend, 0)
	if err != nil {
		return nil, err
	}
	full := Object{"tenant_id": c.tenant}
	for name, value := range kwargs {
		full[name] = value
	}
	sent, err := client.DelayKwargs(task, full)
	if err != nil {
		return nil, err
	}
	return wait(backend, sent.TaskID)
}

// gocelery's own AsyncResult.Get understands success only: a refusal looks like no answer until the time-out.
func wait(backend *gocelery.RedisCeleryBackend, id string) (Object, error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(lookEvery) {
		stored, err := backend.GetResult(id)
		if err != nil {
			continue // not there yet, or the broker is away: both end at the deadline
		}
		result, _ := stored.Result.(Object)
		switch stored.Status {
		case "SUCCESS":
			return result, nil
		case "FAILURE", "REVOKED":
			return nil, refusal(result)
		}
	}
	return nil, fmt.Errorf("no answer to %s within %s", id, patience)
}

// Celery stores {"exc_type": …, "exc_message": […]}; Hearth's message is [code, [{"loc", "msg"}]].
func refusal(result Object) *Refused {
	refused := &Refused{}
	refused.Type, _ = result["exc_type"].(string)
	message, _ := result["exc_message"].([]interface{})
	if len(message) > 0 {
		refused.Code, _ = message[0].(string)
	}
	if len(message) > 1 {
		if places, err := json.Marshal(message[1]); err == nil {
			_ = json.Unmarshal(places, &refused.Places)
		}
	}
	return refused
}

func run(c Caller) error {
	settings := Object{"name": "Simulated CRM"}
	if _, err := c.Call("inference", "hearth.tenants.configure", Object{"settings": settings}); err != nil {
		return err
	}
	lead := Object{
		"source_system": "crm", "external_id": "CRM-3001", "first_name": "Cleo", "last_name": "Ashgrove",
		"email": "cleo.ashgrove@example.com", "lead_type": "buyer", "timeline": "3-6", "listing_views": 9,
	}
	if _, err := c.Call("ingest", "hearth.leads.upsert", Object{"leads": []Object{lead}}); err != nil {
		return err
	}
	scored, err := c.Call("inference", "hearth.leads.score", Object{"lead": lead})
	if err != nil {
		return err
	}
	fmt.Println(scored["status"], scored["data"])
	_, err = c.Call("inference", "hearth.leads.score", Object{"lead_id": "nobody"})
	fmt.Println("refused:", err)
	return nil
}

func main() {
	url := os.Getenv("REDIS_URL")
	if url == "" || len(os.Args) != 2 {
		log.Fatal("usage: REDIS_URL=redis://… go run . TENANT")
	}
	pool := &redis.Pool{MaxIdle: 3, Dial: func() (redis.Conn, error) { return redis.DialURL(url) }}
	defer pool.Close()
	if err := run(Caller{pool: pool, tenant: os.Args[1]}); err != nil {
		log.Fatal(err)
	}
}
