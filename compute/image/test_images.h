// Files for tests: the small images in testdata, and the real ones, if they are
// there.
#ifndef NEVUS_COMPUTE_IMAGE_TEST_IMAGES_H_
#define NEVUS_COMPUTE_IMAGE_TEST_IMAGES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace nevus {

// The content of the file at `path`; fails the test and returns "" if it cannot
// be read.
std::string ReadFileOrFail(const std::string& path);

// The content of testdata/`name`.
std::string TestFile(const std::string& name);

// The names of the images in testdata, as pixels.txt lists them.
std::vector<std::string> TestImageNames();

// Bytes written as hex digits.
std::vector<uint8_t> FromHex(const std::string& hex);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_TEST_IMAGES_H_
