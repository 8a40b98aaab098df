// A network that someone exported as TorchScript: loaded from memory, frozen,
// run in inference mode. Knows no image and no feature space.
//
// TorchScript is a program: it may compute, and read and write files, whatever
// its author wished. Load only files of people you trust.
#ifndef NEVUS_COMPUTE_TORCH_SCRIPT_MODULE_H_
#define NEVUS_COMPUTE_TORCH_SCRIPT_MODULE_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/torch/device_program.h"

namespace nevus {

// Immutable and thread-safe after loading.
class ScriptModule {
 public:
  // Runs the module once on zeros of shape (1, 3, input_size, input_size) to
  // learn its output. INVALID_ARGUMENT, reason WEIGHTS_INVALID, if the bytes
  // are no TorchScript, if that run fails, or if it does not give one float
  // tensor of shape (1, C, h, w) or (1, C).
  static absl::StatusOr<std::unique_ptr<ScriptModule>> Load(
      std::string_view bytes, int input_size);
  ~ScriptModule();

  int input_size() const;
  // Of the output for one image; height and width are 1 for (N, C).
  int channels() const;
  int height() const;
  int width() const;
  int64_t parameters() const;

  // One image (3, S, S) -> (channels, height, width) floats. On the caller's
  // core alone: with another number of threads LibTorch splits its sums
  // elsewhere and gives other bits. INTERNAL if the program fails or changes
  // its output's shape.
  absl::Status Run(const float* planes, float* output) const;

  // A copy of the network on a device, which has computed `batch` images at
  // once. FAILED_PRECONDITION, reason ARITHMETIC_UNSUPPORTED, if it cannot, not
  // in bfloat16, or not each apart from the others; INTERNAL if the device has
  // no memory for it; else as CheckDevice.
  absl::StatusOr<std::unique_ptr<DeviceProgram>> OnDevice(
      const DeviceProgramOptions& options, int batch) const;

 private:
  struct Rep;
  explicit ScriptModule(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_SCRIPT_MODULE_H_
