"""Run what waits in a queue, message by message, as a worker does, without a worker."""

import base64
import json

import redis

from tasks.errors import TaskError
from tasks.runtime import registry
from workers.app import app


def work_off(url, queue="ingest"):
    """Run the messages of a queue in this process, the oldest first; gives an answer or an error each."""
    registry.load()
    answers = []
    with redis.Redis.from_url(url) as client:
        while raw := client.rpop(queue):
            answers.append(run(json.loads(raw)))
    return answers


def run(message):
    """Run one message as it lay on its queue."""
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    task, headers = app.tasks[message["headers"]["task"]], message["headers"]
    told = {**headers, "delivery_info": message["properties"]["delivery_info"], "headers": headers}
    task.push_request(told, args=args, kwargs=kwargs, called_directly=False)
    try:
        return task.answer(tuple(args), kwargs)
    except TaskError as error:
        return error
    finally:
        task.pop_request()
