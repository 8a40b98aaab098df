"""Makes the files of safetensors_from_torch_test.py with PyTorch:

    apt-get install python3-torch
    /usr/bin/python3 clients/python/testdata/make_torch_files.py
"""

import os

import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(HERE, name)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.Linear(3, 2))
        self.features[0].weight.data = torch.tensor([[1.0, -2.0, 0.5], [3.0, 4.0, -0.25]])
        self.features[0].bias.data = torch.tensor([0.125, 8.0])

    def forward(self, x):
        return self.features(x)


net = Net()
shared = torch.arange(6, dtype=torch.float16)
state = net.state_dict()
state["half"] = shared[2:5]
state["counter"] = torch.tensor(7)
torch.save(state, path("state_dict.pth"))
torch.save(state, path("state_dict_before_1_6.pth"), _use_new_zipfile_serialization=False)
torch.save({"turned": shared.reshape(2, 3).t()}, path("turned.pth"))
torch.save(net, path("whole_model.pth"))
torch.jit.save(torch.jit.script(net), path("script.pt"))
