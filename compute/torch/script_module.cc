#include "compute/torch/script_module.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstring>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/omp_threads.h"
#include "compute/backbone/tensor.h"
#include "compute/torch/blas_threads.h"
#include "compute/torch/device.h"

namespace nevus {
namespace {

// As written, node by node: the profiling executor would rewrite and fuse the
// graph after its first runs, and with it the order of additions.
at::Tensor RunAsWritten(const torch::jit::Module& frozen,
                        const at::Tensor& images) {
  const torch::jit::GraphOptimizerEnabledGuard plain(false);
  // forward() is not const, but a frozen module has no state left to change.
  torch::jit::Module callable = frozen;
  return callable.forward({images}).toTensor();
}

// Indices and the like keep their type.
void ConvertToBf16(const torch::jit::Module& module) {
  const auto convert = [](at::Tensor tensor) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.to(at::kBFloat16));
  };
  for (const at::Tensor& tensor : module.parameters()) convert(tensor);
  for (const at::Tensor& tensor : module.buffers()) convert(tensor);
}

class ScriptProgram final : public DeviceProgram {
 public:
  ScriptProgram(const torch::jit::Module& written, const LayerShape& output,
                const DeviceProgramOptions& options)
      : module_(written.deepcopy()),
        outputs_({output}),
        placed_(at::TensorOptions(at::Device(options.device))
                    .dtype(options.bf16 ? at::kBFloat16 : at::kFloat)),
        format_(options.channels_last ? at::MemoryFormat::ChannelsLast
                                      : at::MemoryFormat::Contiguous) {
    module_.to(placed_.device());
    if (options.bf16) ConvertToBf16(module_);
    module_ = torch::jit::freeze(module_);
  }

  std::string device() const override { return placed_.device().str(); }
  bool recordable() const override { return false; }  // a program may branch
  const std::vector<LayerShape>& outputs() const override { return outputs_; }
  at::Tensor Place(const at::Tensor& tensor) const override {
    return tensor.to(placed_, /*non_blocking=*/false, /*copy=*/true, format_);
  }

  std::vector<at::Tensor> Run(const at::Tensor& image) const override {
    const at::Tensor output = RunAsWritten(module_, image);
    const int64_t n = image.size(0);
    const LayerShape& shape = outputs_[0];
    const int64_t count =
        int64_t{1} * shape.channels * shape.height * shape.width;
    if (output.dim() < 2 || output.size(0) != n ||
        output.numel() != n * count || output.device() != placed_.device()) {
      std::ostringstream found;
      found << "for " << n << " images it gives " << output.sizes() << " on "
            << output.device();
      throw std::runtime_error(found.str());
    }
    return {output.reshape({n, shape.channels, shape.height, shape.width})};
  }

 private:
  torch::jit::Module module_;
  const std::vector<LayerShape> outputs_;
  const at::TensorOptions placed_;
  const at::MemoryFormat format_;
};

// Whether the first image's answer does not depend on the others'. Waits for
// the device.
bool TakesImagesApart(const DeviceProgram& program, int batch, int side) {
  const int64_t floats = int64_t{3} * side * side;
  const at::Tensor images =
      at::linspace(-1, 1, batch * floats).view({batch, 3, side, side});
  at::Tensor others = -images;
  others[0] = images[0];
  const auto first = [&](const at::Tensor& image) {
    return program.Run(program.Place(image))[0][0];
  };
  return at::equal(first(images), first(others));
}

}  // namespace

struct ScriptModule::Rep {
  torch::jit::Module written;  // as its author did; freezing leaves constants
                               // that no longer move to a device
  torch::jit::Module module;   // frozen; shares what it did not fold
  int input_size = 0;
  std::vector<int64_t> output_shape;
  int64_t parameters = 0;

  // The output for (1, 3, S, S), contiguous. Throws what LibTorch throws.
  at::Tensor Forward(const float* planes) const {
    const c10::InferenceMode inference;
    const at::Tensor input = at::from_blob(const_cast<float*>(planes),
                                           {1, 3, input_size, input_size});
    return RunAsWritten(module, input).contiguous();
  }
};

ScriptModule::ScriptModule(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
ScriptModule::~ScriptModule() = default;

absl::StatusOr<std::unique_ptr<ScriptModule>> ScriptModule::Load(
    std::string_view bytes, int input_size) {
  // Convolutions on few pixels become matrix products in LibTorch. On threads
  // of its own OpenBLAS would cut them otherwise, and let one caller in at a
  // time.
  SetBlasThreads(1);
  AvoidForeignOneDnn();
  auto rep = std::make_unique<Rep>();
  rep->input_size = input_size;
  try {
    std::istringstream stream{std::string(bytes)};
    rep->written = torch::jit::load(stream, at::kCPU);
    rep->written.eval();
    for (const at::Tensor& parameter : rep->written.parameters()) {
      rep->parameters += parameter.numel();
    }
    rep->module = torch::jit::freeze(rep->written);
  } catch (const std::exception& error) {
    return BadWeights(absl::StrCat(
        "the file cannot be loaded as TorchScript (", TorchMessage(error),
        "). It must come from torch.jit.save and be whole: export it again"));
  }
  try {
    const std::vector<float> zeros(size_t{3} * input_size * input_size);
    const at::Tensor output = rep->Forward(zeros.data());
    const auto shape = output.sizes().vec();
    if (output.scalar_type() != at::kFloat ||
        (shape.size() != 4 && shape.size() != 2) || shape[0] != 1 ||
        output.numel() == 0) {
      std::ostringstream found;
      found << output.scalar_type() << output.sizes();
      return BadWeights(absl::StrCat(
          "for (1, 3, ", input_size, ", ", input_size, ") the network gives ",
          found.str(),
          "; (1, C, h, w) or (1, C) of floats is needed. Cut it before its "
          "classifier and export it again"));
    }
    rep->output_shape = shape;
    rep->output_shape.resize(4, 1);
  } catch (const std::exception& error) {
    return BadWeights(
        absl::StrCat("the network fails on an input of shape (1, 3, ",
                     input_size, ", ", input_size, ") (", TorchMessage(error),
                     "). Give --input-size the size it was made for"));
  }
  return std::unique_ptr<ScriptModule>(new ScriptModule(std::move(rep)));
}

int ScriptModule::input_size() const { return rep_->input_size; }
int ScriptModule::channels() const { return rep_->output_shape[1]; }
int ScriptModule::height() const { return rep_->output_shape[2]; }
int ScriptModule::width() const { return rep_->output_shape[3]; }
int64_t ScriptModule::parameters() const { return rep_->parameters; }

absl::Status ScriptModule::Run(const float* planes, float* output) const {
  // LibTorch sets a thread's OpenMP count at its first use there; let it do so
  // before ours is set.
  at::get_num_threads();
  const ScopedOmpThreads scope(1);
  try {
    const at::Tensor result = rep_->Forward(planes);
    const int64_t count = int64_t{1} * channels() * height() * width();
    if (result.numel() != count || result.scalar_type() != at::kFloat) {
      return absl::InternalError(
          absl::StrCat("the TorchScript network gave ", result.numel(),
                       " values; on import it gave ", count,
                       ". Its output must not depend on the image's content"));
    }
    std::memcpy(output, result.data_ptr<float>(), count * sizeof(float));
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat("the TorchScript network failed: ", TorchMessage(error)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<DeviceProgram>> ScriptModule::OnDevice(
    const DeviceProgramOptions& options, int batch) const {
  RETURN_IF_ERROR(CheckDevice(options.device));
  const char* const precision = ArithmeticName(
      options.bf16 ? Arithmetic::kCudaBf16 : Arithmetic::kCudaFp32);
  const auto refuse = [&](const std::string& why) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "the TorchScript network cannot compute ", batch,
            " images at once in ", precision, " (", why,
            "). Export it for any number of images, each apart from the "
            "others, with all its tensors as parameters or buffers; or use "
            "fp32, on the processor")),
        "ARITHMETIC_UNSUPPORTED", {{"precision", precision}});
  };
  const LayerShape output = {channels(), height(), width()};
  try {
    const c10::InferenceMode inference;
    auto program =
        std::make_unique<ScriptProgram>(rep_->written, output, options);
    if (!TakesImagesApart(*program, batch, input_size())) {
      return refuse("an image's answer depends on those beside it");
    }
    return program;
  } catch (const c10::OutOfMemoryError& error) {
    return FromTorch(error);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    return refuse(TorchMessage(error));
  }
}

}  // namespace nevus
