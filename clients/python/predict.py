"""One answer for one photograph: predict.py ADDRESS MODEL@ALIAS FILE"""
import sys

from nevus_client import Client

address, model, path = sys.argv[1:]
with Client(address) as client, open(path, "rb") as photograph:
    answer = client.predict(photograph.read(), model)
print(answer.probability, answer.decision, answer.model)
