// Stand-in for Abseil's status on a machine that has only a compiler and
// LibTorch (docs/adr/0026): what the files that tools/gpu-check compiles use of
// it, and nothing else. Nevus itself is built with Abseil.
#ifndef NEVUS_TOOLS_GPU_CHECK_ABSL_STATUS_STATUS_H_
#define NEVUS_TOOLS_GPU_CHECK_ABSL_STATUS_STATUS_H_

#include <string>
#include <utility>

namespace absl {

enum class StatusCode {
  kOk = 0,
  kInvalidArgument = 3,
  kFailedPrecondition = 9,
  kInternal = 13,
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message)
      : code_(code), message_(std::move(message)) {}
  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status OkStatus() { return {}; }
inline Status InvalidArgumentError(std::string message) {
  return {StatusCode::kInvalidArgument, std::move(message)};
}
inline Status FailedPreconditionError(std::string message) {
  return {StatusCode::kFailedPrecondition, std::move(message)};
}
inline Status InternalError(std::string message) {
  return {StatusCode::kInternal, std::move(message)};
}

}  // namespace absl

#endif  // NEVUS_TOOLS_GPU_CHECK_ABSL_STATUS_STATUS_H_
