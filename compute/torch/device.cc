#include "compute/torch/device.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"

namespace nevus {
namespace {

// N of "cuda:N", if `device` is that and N has at most three digits.
std::optional<int> CudaIndex(const std::string& device) {
  const std::string prefix = "cuda:";
  const std::string digits =
      device.substr(std::min(prefix.size(), device.size()));
  if (device.compare(0, prefix.size(), prefix) != 0 || digits.empty() ||
      digits.size() > 3 ||
      digits.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::stoi(digits);
}

absl::Status Unavailable(const std::string& device, const std::string& why) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat("device ", device, " ", why)),
      "DEVICE_UNAVAILABLE", {{"device", device}});
}

// Waits for what this thread has given the device to do.
void Finish(const at::Tensor& result) { result.flatten()[0].item<float>(); }

}  // namespace

absl::Status CheckDevice(const std::string& device) {
  if (device == "cpu") return absl::OkStatus();
  const std::optional<int> index = CudaIndex(device);
  if (!index) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "device ", Quoted(device),
            " is not known; it is cpu or cuda:N, such as cuda:0. Choose one")),
        "DEVICE_UNKNOWN", {{"device", device}});
  }
  if (!at::hasCUDA()) {
    return Unavailable(
        device, absl::StrCat("needs a LibTorch that was built with CUDA and a "
                             "driver that it finds; this is LibTorch ",
                             TorchVersion(),
                             " without. Use cpu, or build against another "
                             "LibTorch (docs/backbones.md, GPUs)"));
  }
  const int count = c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount();
  if (*index >= count) {
    return Unavailable(
        device, absl::StrCat("is not there: LibTorch sees ", count,
                             " GPUs, counted from cuda:0. Choose one of them"));
  }
  return absl::OkStatus();
}

void AvoidForeignOneDnn() {
#ifdef NEVUS_LIBTORCH_HAS_ONEDNN_INSIDE  // third_party/libtorch.bzl
  at::globalContext().setUserEnabledMkldnn(false);
#endif
}

std::string TorchVersion() { return TORCH_VERSION; }

absl::StatusOr<double> MeasureMatrixTeraflops(const std::string& device) {
  RETURN_IF_ERROR(CheckDevice(device));
  AvoidForeignOneDnn();
  // A processor takes seconds for what a GPU does in a millisecond.
  const int size = device == "cpu" ? 512 : 8192;
  const int products = device == "cpu" ? 1 : 20;
  constexpr int kRuns = 5;
  try {
    const c10::InferenceMode inference;
    const auto options =
        at::TensorOptions(at::Device(device)).dtype(at::kBFloat16);
    const at::Tensor a = at::ones({size, size}, options);
    const at::Tensor b = at::ones({size, size}, options);
    at::Tensor product = at::mm(a, b);
    Finish(product);
    double best_s = 1e9;
    for (int run = 0; run < kRuns; ++run) {
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < products; ++i) at::mm_out(product, a, b);
      Finish(product);
      const std::chrono::duration<double> elapsed =
          std::chrono::steady_clock::now() - start;
      best_s = std::min(best_s, elapsed.count());
    }
    return 2e-12 * size * size * size * products / best_s;
  } catch (const std::exception& error) {
    return FromTorch(error);
  }
}

std::string TorchMessage(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text =
      torch_error ? torch_error->what_without_backtrace() : error.what();
  return text.substr(0, std::min<size_t>(text.find('\n'), 300));
}

absl::Status FromTorch(const std::exception& error) {
  return absl::InternalError(absl::StrCat("LibTorch: ", TorchMessage(error)));
}

}  // namespace nevus
