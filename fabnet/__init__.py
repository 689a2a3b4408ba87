"""The running network: processes, MQTT link, commands. On top of all; nobody imports it."""
