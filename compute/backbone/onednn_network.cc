#include "compute/backbone/onednn_network.h"

#include <algorithm>
#include <dnnl.hpp>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/status.h"
#include "compute/backbone/integer_grid.h"
#include "compute/backbone/omp_threads.h"
#include "compute/backbone/onednn_program.h"

namespace nevus {
namespace {

absl::Status NoMemory(absl::string_view what) {
  return absl::ResourceExhaustedError(
      absl::StrCat(what, ". Free memory, or use fewer workers"));
}

absl::Status FromDnnl(const dnnl::error& error) {
  const std::string message = absl::StrCat("oneDNN: ", error.what());
  return error.status == dnnl_out_of_memory ? NoMemory(message)
                                            : absl::InternalError(message);
}

class ProgramNetwork : public OnednnNetwork {
 public:
  ProgramNetwork(OnednnProgram program, int threads)
      : program_(std::move(program)),
        threads_(threads),
        stream_(program_.engine) {
    for (const OnednnProgram::Step& step : program_.steps) {
      infos_.push_back(step.info);
    }
  }

  const std::vector<Step>& steps() const override { return infos_; }
  int64_t constant_bytes() const override { return program_.constant_bytes; }
  int64_t buffer_bytes() const override {
    return program_.arena.get_desc().get_size();
  }

  absl::Status Run(const float* planes, float* activation) override {
    return RunSteps(planes, activation, nullptr);
  }

  absl::Status RunObserved(const float* planes, float* activation,
                           const Observer& observer) override {
    return RunSteps(planes, activation, &observer);
  }

 private:
  absl::Status RunSteps(const float* planes, float* activation,
                        const Observer* observer) {
    const ScopedOmpPins pins(threads_);
    try {
      program_.image.set_data_handle(const_cast<float*>(planes));
      for (auto& [memory, offset] : program_.outputs) {
        memory.set_data_handle(activation + offset);
      }
      for (size_t i = 0; i < program_.steps.size(); ++i) {
        const OnednnProgram::Step& step = program_.steps[i];
        const ScopedOmpThreads scope(step.info.threads);
        const Stopwatch watch;
        if (step.winograd != nullptr) {
          RunWinograd(step);
        } else {
          step.primitive.execute(stream_, step.args);
        }
        if (observer != nullptr) Observe(i, watch.Seconds(), *observer);
      }
      stream_.wait();
    } catch (const dnnl::error& error) {
      return FromDnnl(error);
    }
    return absl::OkStatus();
  }

  static void RunWinograd(const OnednnProgram::Step& step) {
    const auto floats = [&](int argument) {
      return static_cast<float*>(step.args.at(argument).get_data_handle());
    };
    step.winograd->Run(floats(DNNL_ARG_SRC), floats(DNNL_ARG_DST),
                       floats(DNNL_ARG_SCRATCHPAD));
  }

  void Observe(int i, double seconds, const Observer& observer) const {
    const dnnl::memory& written = program_.steps[i].writes;
    const bool fp32 =
        written.get_desc().data_type() == dnnl::memory::data_type::f32;
    observer(
        i, seconds,
        fp32 ? static_cast<const float*>(written.get_data_handle()) : nullptr,
        fp32 ? written.get_desc().get_size() / sizeof(float) : 0);
  }

  OnednnProgram program_;
  const int threads_;
  dnnl::stream stream_;
  std::vector<Step> infos_;
};

absl::Status CheckWeights(const Layers& layers,
                          const std::vector<LayerShape>& shapes,
                          const NetworkWeights& weights) {
  for (const Layer& layer : layers) {
    if (layer.op != Op::kConvolution) continue;
    const auto found = weights.find(layer.name);
    if (found == weights.end()) {
      return BadWeights(absl::StrCat("layer ", layer.name,
                                     " has no weights; a convolution needs "
                                     "them. Cut the network before it"));
    }
    const int in =
        layer.inputs[0] == kImage ? 3 : shapes[layer.inputs[0]].channels;
    RETURN_IF_ERROR(CheckShape(layer.name, found->second.weight.shape,
                               {layer.channels, in / layer.groups,
                                layer.window.height, layer.window.width}));
    RETURN_IF_ERROR(CheckShape(absl::StrCat(layer.name, "'s bias"),
                               found->second.bias.shape, {layer.channels}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<OnednnNetwork>> NewOnednnNetwork(
    const Layers& layers, const std::vector<std::string>& outputs,
    const NetworkWeights& weights, Arithmetic arithmetic,
    const Calibration& calibration, int input_size, int threads) {
  RETURN_IF_ERROR(CheckArithmeticSupported(arithmetic));
  ASSIGN_OR_RETURN(const std::vector<LayerShape> shapes,
                   InferShapes(layers, input_size));
  RETURN_IF_ERROR(CheckWeights(layers, shapes, weights));
  std::vector<int> indices;
  for (const std::string& output : outputs) {
    const auto found =
        std::find_if(layers.begin(), layers.end(),
                     [&](const Layer& layer) { return layer.name == output; });
    indices.push_back(found - layers.begin());
  }
  std::vector<IntegerGrid> grids;
  if (NeedsCalibration(arithmetic)) {
    ASSIGN_OR_RETURN(grids, PlanGrids(layers, calibration));
  }
  try {
    return std::make_unique<ProgramNetwork>(
        BuildOnednnProgram(layers, indices, shapes, weights, arithmetic, grids,
                           input_size, threads),
        threads);
  } catch (const dnnl::error& error) {
    return FromDnnl(error);
  } catch (const std::bad_alloc&) {
    return NoMemory("no memory for a network's weights and buffers");
  }
}

}  // namespace nevus
