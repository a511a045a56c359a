/*
 * `process.config` and `process.features`: how the Node this runtime stands for is built.
 */

const {
  ArrayPrototypeMap,
  JSONParse,
  ObjectFreeze,
  ObjectFromEntries,
  RegExpPrototypeSymbolSplit,
  StringPrototypeSplit,
  StringPrototypeTrim,
} = primordials;

const variables = `
asan=0 clang=1 control_flow_guard=false coverage=false dcheck_always_on=0 debug_nghttp2=false debug_node=false
enable_lto=false enable_pgo_generate=false enable_pgo_use=false error_on_warn=false force_dynamic_crt=0
gas_version="" host_arch="x64" icu_data_in="" icu_endianness="l" icu_gyp_path="" icu_path="" icu_small=false
icu_ver_major="" is_debug=0 libdir="lib" llvm_version="" napi_build_version="9" node_byteorder="little"
node_debug_lib=false node_enable_d8=false node_enable_v8_vtunejit=false node_enable_v8windbg=false
node_fipsinstall=false node_install_corepack=false node_install_npm=false node_module_version=127
node_no_browser_globals=false node_prefix="/usr/local" node_quic=false node_release_urlbase=""
node_section_ordering_info="" node_shared=false node_shared_ada=false node_shared_brotli=false
node_shared_cares=false node_shared_gtest=false node_shared_hdr_histogram=false node_shared_http_parser=false
node_shared_libuv=false node_shared_merve=false node_shared_nbytes=false node_shared_nghttp2=false
node_shared_nghttp3=false node_shared_ngtcp2=false node_shared_openssl=false node_shared_simdjson=false
node_shared_simdutf=false node_shared_sqlite=false node_shared_uvwasi=false node_shared_zlib=false
node_shared_zstd=false node_tag="" node_target_type="executable" node_use_amaro=false node_use_bundled_v8=true
node_use_node_code_cache=false node_use_node_snapshot=false node_use_openssl=true node_use_sqlite=false
node_use_v8_platform=false node_with_ltcg=false node_without_node_options=true
node_write_snapshot_as_array_literals=false openssl_is_fips=false openssl_quic=false ossfuzz=false shlib_suffix="so"
single_executable_application=false suppress_all_error_on_warn=false target_arch="x64" ubsan=0 use_ccache_win=0
use_prefix_to_find_headers=false v8_enable_31bit_smis_on_64bit_arch=0 v8_enable_extensible_ro_snapshot=0
v8_enable_external_code_space=0 v8_enable_gdbjit=0 v8_enable_hugepage=0 v8_enable_i18n_support=1
v8_enable_inspector=0 v8_enable_javascript_promise_hooks=0 v8_enable_lite_mode=0 v8_enable_maglev=1
v8_enable_object_print=0 v8_enable_pointer_compression=1 v8_enable_pointer_compression_shared_cage=1
v8_enable_sandbox=0 v8_enable_shared_ro_heap=1 v8_enable_short_builtin_calls=1 v8_enable_v8_checks=0
v8_enable_wasm_simd256_revec=0 v8_enable_webassembly=1 v8_no_strict_aliasing=1 v8_optimized_debug=1
v8_promise_internal_field_count=1 v8_random_seed=0 v8_trace_maps=0 v8_use_siphash=1 want_separate_host_toolset=0`;

exports.config = ObjectFreeze({
  target_defaults: ObjectFreeze({ default_configuration: "Release" }),
  variables: ObjectFreeze(
    ObjectFromEntries(
      ArrayPrototypeMap(RegExpPrototypeSymbolSplit(/\s+/, StringPrototypeTrim(variables)), (pair) => [
        StringPrototypeSplit(pair, "=")[0],
        JSONParse(StringPrototypeSplit(pair, "=")[1]),
      ]),
    ),
  ),
});

exports.features = ObjectFreeze({
  cached_builtins: true,
  debug: false,
  inspector: false,
  ipv6: true,
  openssl_is_boringssl: true,
  require_module: false,
  tls: true,
  tls_alpn: true,
  tls_ocsp: true,
  tls_sni: true,
  typescript: false,
  uv: true,
});
