#include "compute/image/test_images.h"

#include <fstream>
#include <iterator>
#include <sstream>

#include "gtest/gtest.h"

namespace nevus {

std::string ReadFileOrFail(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << "cannot read " << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string TestFile(const std::string& name) {
  return ReadFileOrFail("compute/image/testdata/" + name);
}

std::vector<std::string> TestImageNames() {
  std::vector<std::string> names;
  std::istringstream lines(TestFile("pixels.txt"));
  std::string name, rest;
  while (lines >> name && std::getline(lines, rest)) names.push_back(name);
  return names;
}

std::vector<uint8_t> FromHex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(
        static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

}  // namespace nevus
