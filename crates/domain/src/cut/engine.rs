//! The base64 engine: RFC 4648 §4, strict about padding and trailing bits.

/// The engine for this processor. Only two architectures have a vectorised one.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) type Base64 = base64::engine::Simd;
/// The engine for this processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) type Base64 = base64::engine::GeneralPurpose;

/// Makes the engine: a copy of two small tables and a look at the processor, so once a
/// part, not once a group.
pub(super) fn engine() -> Base64 {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    return Base64::standard(base64::engine::general_purpose::PAD);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    base64::engine::general_purpose::STANDARD
}
