// Stand-in for Abseil's StatusOr; see status.h.
#ifndef NEVUS_TOOLS_GPU_CHECK_ABSL_STATUS_STATUSOR_H_
#define NEVUS_TOOLS_GPU_CHECK_ABSL_STATUS_STATUSOR_H_

#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"

namespace absl {

template <typename T>
class [[nodiscard]] StatusOr {
 public:
  StatusOr(Status status) : status_(std::move(status)) {}
  template <typename U = T,
            typename = std::enable_if_t<std::is_convertible_v<U&&, T>>>
  StatusOr(U&& value) : value_(std::forward<U>(value)) {}

  bool ok() const { return status_.ok(); }
  const Status& status() const { return status_; }
  T& value() & { return value_.value(); }
  const T& value() const& { return value_.value(); }
  T&& value() && { return std::move(value_).value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace absl

#endif  // NEVUS_TOOLS_GPU_CHECK_ABSL_STATUS_STATUSOR_H_
