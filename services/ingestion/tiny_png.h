// The smallest real image for tests: one pixel of a colour of one's choice, so
// that many different images need no files.
#ifndef NEVUS_SERVICES_INGESTION_TINY_PNG_H_
#define NEVUS_SERVICES_INGESTION_TINY_PNG_H_

#include <cstdint>
#include <string>

namespace nevus {

// A PNG of 1 x 1 RGB pixel: `colour` is 0xRRGGBB. With `comment` it holds a
// tEXt chunk, which is metadata.
std::string TinyPng(uint32_t colour, const std::string& comment = "");

}  // namespace nevus

#endif  // NEVUS_SERVICES_INGESTION_TINY_PNG_H_
