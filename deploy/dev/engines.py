"""PostgreSQL 18 and Apache Kafka 4.3 as child processes of whoever needs them: the development stack, tests, benches.

    postgres = Postgres(folder, durable=False)
    postgres.start(); postgres.url("members"); postgres.kill(); postgres.start()
    kafka = Kafka(folder)
    kafka.start(); kafka.bootstrap

`start` on a folder that was used before keeps its data, whatever ended the last run. An object keeps its port over
restarts. Both end when the thread that started them ends, so nothing is left behind a killed test run.
"""

from deploy.dev.kafka import Kafka
from deploy.dev.postgres import Postgres
from deploy.dev.process import Failed

__all__ = ["Failed", "Kafka", "Postgres"]
