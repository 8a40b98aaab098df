// Pictures without anything in them: what a model should say nothing about.
#ifndef NEVUS_TESTS_HARNESS_NOISE_H_
#define NEVUS_TESTS_HARNESS_NOISE_H_

#include <string>

#include "absl/status/status.h"

namespace nevus {

// `count` PNG files of `side` x `side` pixels in `folder`, each pixel random by
// itself; the same ones every time.
absl::Status WriteNoise(const std::string& folder, int count, int side);

}  // namespace nevus

#endif  // NEVUS_TESTS_HARNESS_NOISE_H_
