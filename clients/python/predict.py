"""One answer for one photograph: predict.py ADDRESS MODEL@ALIAS FILE"""
import sys

from nevus_client import Client, NevusError

address, model, path = sys.argv[1:]
with Client(address) as client, open(path, "rb") as photograph:
    try:
        answer = client.predict(photograph.read(), model)
    except (NevusError, ValueError) as error:
        sys.exit(f"{path}: {error}")
print(answer.probability, answer.decision, answer.model)
