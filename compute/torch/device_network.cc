#include "compute/torch/device_network.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/torch/cuda_graph.h"
#include "compute/torch/device.h"
#include "compute/torch/device_program.h"

namespace nevus {
namespace {

// An order of work on a GPU; on the processor work is done when it is called.
class Queue {
 public:
  explicit Queue(const at::Device& device) {
    if (!device.is_cuda()) return;
    const c10::impl::VirtualGuardImpl gpu(device.type());
    stream_ = gpu.getStreamFromGlobalPool(device);
  }

  void Do(const std::function<void()>& work) const {
    if (!stream_) return work();
    const c10::StreamGuard guard(*stream_);
    work();
  }
  // What is given to this from now on waits for what `other` has now.
  void After(const Queue& other) const {
    if (!stream_) return;
    c10::Event event(stream_->device_type());
    event.record(*other.stream_);
    event.block(*stream_);
  }
  // Waits for all that it was given.
  void Finish() const {
    if (stream_) stream_->synchronize();
  }

 private:
  std::optional<c10::Stream> stream_;
};

// A batch on its way. Its memory stays where it is, as CUDA graphs need it.
struct Slot {
  explicit Slot(const at::Device& device) : copies(device) {}

  Queue copies;
  at::Tensor host_image, image;    // floats; as the network wants it
  at::Tensor arrived;              // floats, on the device
  at::Tensor host_answer, answer;  // floats; batch x activation_floats
  std::unique_ptr<CudaGraph> graph;
  // Where the answers go that are still to be fetched.
  float* destination = nullptr;
  int images = 0;
};

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  return elapsed.count();
}

// Bits that another process gets, too: no kernels picked by their speed here,
// and no products of 19 bits where fp32 was asked for.
void MakeExact() {
  at::globalContext().setBenchmarkCuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
}

}  // namespace

struct DeviceNetwork::Rep {
  explicit Rep(const at::Device& on)
      : device(on), compute(on), slots{Slot(on), Slot(on)} {}

  const at::Device device;
  std::unique_ptr<DeviceProgram> program;
  int batch = 0;
  size_t image_floats = 0, answer_floats = 0;
  Queue compute;
  std::array<Slot, 2> slots;

  void MakeSlots(int side) {
    // A GPU copies from pinned memory while it computes; only there it exists.
    const auto host =
        at::TensorOptions(at::kFloat).pinned_memory(device.is_cuda());
    const auto there = at::TensorOptions(device).dtype(at::kFloat);
    for (Slot& slot : slots) {
      slot.host_image = at::zeros({batch, 3, side, side}, host);
      slot.arrived = at::zeros({batch, 3, side, side}, there);
      slot.image = program->Place(slot.arrived);
      const auto answers = static_cast<int64_t>(answer_floats);
      slot.host_answer = at::zeros({batch, answers}, host);
      slot.answer = at::zeros({batch, answers}, there);
    }
  }

  // From slot.arrived to slot.answer, on the current stream.
  void Pass(Slot& slot) const {
    slot.image.copy_(slot.arrived);
    int64_t at = 0;
    for (const at::Tensor& output : program->Run(slot.image)) {
      const int64_t floats = output.numel() / batch;
      slot.answer.narrow(1, at, floats)
          .view({batch, output.size(1), output.size(2), output.size(3)})
          .copy_(output);
      at += floats;
    }
  }

  void Compute(Slot& slot) const {
    compute.Do([&] { slot.graph ? slot.graph->Start() : Pass(slot); });
  }

  // Sends the slot's batch on its way.
  void Send(Slot& slot, const float* planes, int n, float* destination) const {
    std::memcpy(slot.host_image.data_ptr<float>(), planes,
                n * image_floats * sizeof(float));
    slot.copies.Do(
        [&] { slot.arrived.copy_(slot.host_image, /*non_blocking=*/true); });
    compute.After(slot.copies);
    Compute(slot);
    slot.copies.After(compute);
    slot.copies.Do(
        [&] { slot.host_answer.copy_(slot.answer, /*non_blocking=*/true); });
    slot.destination = destination;
    slot.images = n;
  }

  // Waits for the slot's batch, if one is on its way.
  void Fetch(Slot& slot) const {
    if (slot.images == 0) return;
    slot.copies.Finish();
    std::memcpy(slot.destination, slot.host_answer.data_ptr<float>(),
                slot.images * answer_floats * sizeof(float));
    slot.images = 0;
  }

  // Records the pass and keeps the record if it is faster: few layers on small
  // batches wait for their calls, long ones do not.
  void TryGraph(Slot& slot) const {
    constexpr int kWarmUps = 3, kRuns = 5;
    const auto best = [&] {
      double best_s = 1e9;
      for (int run = 0; run < kRuns; ++run) {
        best_s = std::min(best_s, Seconds([&] {
                            Compute(slot);
                            compute.Finish();
                          }));
      }
      return best_s;
    };
    for (int run = 0; run < kWarmUps; ++run) Compute(slot);
    compute.Finish();
    const double plain_s = best();
    compute.Do([&] { slot.graph = CudaGraph::Record([&] { Pass(slot); }); });
    if (best() >= plain_s) slot.graph = nullptr;
  }
};

DeviceNetwork::DeviceNetwork(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
DeviceNetwork::~DeviceNetwork() = default;

absl::StatusOr<std::unique_ptr<DeviceNetwork>> DeviceNetwork::Create(
    std::unique_ptr<DeviceProgram> program, int input_size, int batch) {
  if (batch < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "batches of ", batch, " images are not possible; give 1 or more"));
  }
  try {
    const c10::InferenceMode inference;
    MakeExact();
    auto rep = std::make_unique<Rep>(at::Device(program->device()));
    rep->program = std::move(program);
    rep->batch = batch;
    rep->image_floats = size_t{3} * input_size * input_size;
    for (const LayerShape& shape : rep->program->outputs()) {
      rep->answer_floats +=
          size_t{1} * shape.channels * shape.height * shape.width;
    }
    rep->MakeSlots(input_size);
    if (rep->device.is_cuda() && CudaGraph::Possible() &&
        rep->program->recordable()) {
      rep->TryGraph(rep->slots[0]);
      // Both start the same way; what was measured on one holds for the other.
      if (rep->slots[0].graph != nullptr) {
        rep->compute.Do([&] {
          rep->slots[1].graph =
              CudaGraph::Record([&] { rep->Pass(rep->slots[1]); });
        });
      }
    }
    return std::unique_ptr<DeviceNetwork>(new DeviceNetwork(std::move(rep)));
  } catch (const std::exception& error) {
    return FromTorch(error);
  }
}

size_t DeviceNetwork::activation_floats() const { return rep_->answer_floats; }
bool DeviceNetwork::graph() const { return rep_->slots[0].graph != nullptr; }

absl::Status DeviceNetwork::Forward(const float* planes, int n,
                                    float* activations) {
  try {
    const c10::InferenceMode inference;
    for (int first = 0, pass = 0; first < n; first += rep_->batch, ++pass) {
      Slot& slot = rep_->slots[pass % rep_->slots.size()];
      rep_->Fetch(slot);
      rep_->Send(slot, planes + first * rep_->image_floats,
                 std::min(rep_->batch, n - first),
                 activations + first * rep_->answer_floats);
    }
    for (Slot& slot : rep_->slots) rep_->Fetch(slot);
  } catch (const std::exception& error) {
    for (Slot& slot : rep_->slots) slot.images = 0;
    return FromTorch(error);
  }
  return absl::OkStatus();
}

}  // namespace nevus
