// The images of a bench: a person's own, or synthetic ones of 256 x 256 pixels
// as JPEG.
#ifndef NEVUS_TESTS_BENCH_PHOTOGRAPHS_H_
#define NEVUS_TESTS_BENCH_PHOTOGRAPHS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cpp/upload.h"

namespace nevus {

constexpr int kSyntheticSide = 256;

// The first `count` files of `directory`, or `count` generated ones written to
// `generated`, `side` pixels a side, if `directory` is "". Every fourth is of
// the validation split, the others of train. INVALID_ARGUMENT (USAGE) if there
// are fewer.
absl::StatusOr<std::vector<ExampleFile>> FindPhotographs(
    const std::string& directory, int count, const std::string& generated,
    int side = kSyntheticSide);

// Their bytes, in order.
absl::StatusOr<std::vector<std::string>> ReadPhotographs(
    const std::vector<ExampleFile>& files);

// What `directory` stands for, for people.
std::string DescribePhotographs(const std::string& directory, int count,
                                int side = kSyntheticSide);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_PHOTOGRAPHS_H_
