"""JetStream: topology, publishing, consuming, outcome -> ack, control, dead letters. Nothing else knows NATS."""
