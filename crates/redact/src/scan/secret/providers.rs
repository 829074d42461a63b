//! The keys of providers: how they begin, and what follows.
//!
//! The shapes are those that the providers' documentation and their registrations for secret scanning give. A key is
//! taken for one by its beginning, its letters and a least length; the true length may grow without notice, so that
//! there is no greatest one.

use super::word::Word;
use crate::scan::cursor::CAP;

/// Keys of one kind.
pub(super) struct Shape {
    pub(super) begins: &'static str,
    /// How many characters come then, at least.
    pub(super) least: usize,
    pub(super) letters: Letters,
    pub(super) why: &'static str,
    form: Form,
}

/// What else is asked of a key.
#[derive(Clone, Copy)]
enum Form {
    Any,
    /// A digit: words of a language begin so too.
    Digit,
    /// A run of this many letters and digits, and not of one kind.
    Run(usize),
    /// Three parts with dots between them.
    Parts,
    /// A UUID (RFC 9562).
    Uuid,
}

#[derive(Clone, Copy)]
pub(super) enum Letters {
    /// Letters and digits.
    Alnum,
    /// Capital letters and digits.
    Capitals,
    Hex,
    /// And `_` and `-`.
    Url,
    /// And dots too.
    Dotted,
    /// All of base64, in both alphabets, and its padding.
    Base64,
}

impl Letters {
    pub(super) fn is_in(self) -> fn(char) -> bool {
        match self {
            Self::Alnum => |ch| ch.is_ascii_alphanumeric(),
            Self::Capitals => |ch| ch.is_ascii_uppercase() || ch.is_ascii_digit(),
            Self::Hex => |ch| ch.is_ascii_hexdigit(),
            Self::Url => |ch| ch.is_ascii_alphanumeric() || ch == '_' || ch == '-',
            Self::Dotted => |ch| ch.is_ascii_alphanumeric() || "_-.".contains(ch),
            Self::Base64 => |ch| ch.is_ascii_alphanumeric() || "_-+/=".contains(ch),
        }
    }
}

impl Shape {
    /// Whether this is what follows the beginning of such a key.
    pub(super) fn fits(&self, word: &Word) -> bool {
        let text = &word.text;
        text.len() >= self.least
            && match self.form {
                Form::Any => true,
                Form::Digit => word.has_digit(),
                Form::Run(least) => word.longest_run() >= least && (word.has_digit() || word.is_mixed()),
                Form::Parts => {
                    let parts: Vec<_> = text.split('.').map(str::len).collect();
                    matches!(parts[..], [20..=28, 5..=7, 27..=64])
                }
                Form::Uuid => {
                    let parts = text.split('-').map(|part| {
                        if part.bytes().all(|byte| byte.is_ascii_hexdigit()) { part.len() } else { 0 }
                    });
                    parts.eq([8, 4, 4, 4, 12])
                }
            }
    }

    /// How many characters tell whether it fits.
    pub(super) fn enough(&self) -> usize {
        match self.form {
            // One more than there may be.
            Form::Uuid => 37,
            Form::Parts => 28 + 7 + 64 + 3,
            // Who has written as much without such a run writes no key. It bounds what is read of a row of beginnings.
            Form::Run(_) => 256,
            Form::Any | Form::Digit => CAP,
        }
    }

    /// Whether it may be longer than that.
    pub(super) fn goes_on(&self) -> bool {
        matches!(self.form, Form::Run(_))
    }

    const fn with(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    const fn digit(self) -> Self {
        self.with(Form::Digit)
    }

    const fn run(self, least: usize) -> Self {
        self.with(Form::Run(least))
    }
}

const fn shape(begins: &'static str, least: usize, letters: Letters, why: &'static str) -> Shape {
    Shape { begins, least, letters, why, form: Form::Any }
}

use Letters::{Alnum, Base64, Capitals, Dotted, Hex, Url};

/// Longer beginnings stand before shorter ones.
pub(super) const SHAPES: &[Shape] = &[
    // Models. All that begin with `sk-` have a run of sixteen, or are Langfuse's: the gate knows.
    shape("sk-ant-", 20, Url, "key of Anthropic").run(16),
    shape("sk-proj-", 16, Url, "key of OpenAI").run(16),
    shape("sk-svcacct-", 16, Url, "key of OpenAI").run(16),
    shape("sk-admin-", 16, Url, "key of OpenAI").run(16),
    shape("sk-or-v1-", 32, Hex, "key of OpenRouter").run(16),
    shape("sk-lf-", 32, Url, "key of Langfuse").with(Form::Uuid),
    // OpenAI's old keys, DeepSeek, DashScope, Moonshot, SiliconFlow, StepFun, Baichuan, MiniMax and others.
    shape("sk-", 16, Url, "key that begins with sk-").run(16),
    shape("sk_live_", 16, Alnum, "key of Stripe"),
    shape("sk_test_", 16, Alnum, "key of Stripe"),
    shape("sk_prod_", 16, Alnum, "key of Stripe"),
    shape("sk_", 40, Hex, "key of ElevenLabs"),
    shape("AIza", 30, Url, "key of Google"),
    shape("gsk_", 40, Alnum, "key of Groq"),
    shape("xai-", 40, Alnum, "key of xAI"),
    shape("pplx-", 40, Alnum, "key of Perplexity"),
    shape("r8_", 30, Alnum, "token of Replicate"),
    shape("nvapi-", 40, Url, "key of NVIDIA"),
    shape("fw_", 20, Alnum, "key of Fireworks").digit(),
    shape("tgp_v1_", 32, Url, "key of Together"),
    shape("csk-", 40, Alnum, "key of Cerebras").digit(),
    shape("hf_", 30, Alnum, "token of Hugging Face"),
    shape("api_org_", 30, Alnum, "token of Hugging Face"),
    shape("tvly-", 24, Url, "key of Tavily").run(16),
    shape("jina_", 40, Url, "key of Jina").run(16),
    shape("pcsk_", 40, Url, "key of Pinecone").run(16),
    shape("lsv2_pt_", 32, Url, "key of LangSmith"),
    shape("lsv2_sk_", 32, Url, "key of LangSmith"),
    shape("esecret_", 24, Alnum, "key of Anyscale"),
    // Models and clouds of China.
    shape("bce-v3/ALTAK-", 20, Base64, "key of Baidu"),
    shape("ALTAK", 20, Alnum, "access key of Baidu Cloud").digit(),
    shape("LTAI", 12, Alnum, "access key of Alibaba Cloud"),
    shape("STS.N", 20, Alnum, "token of Alibaba Cloud"),
    shape("AKID", 28, Alnum, "access key of Tencent Cloud"),
    shape("AKLT", 20, Alnum, "access key of Volcengine"),
    shape("AKTP", 20, Alnum, "access key of Volcengine"),
    shape("JDC_", 20, Alnum, "access key of JD Cloud"),
    shape("ms-", 36, Url, "token of ModelScope").with(Form::Uuid),
    shape("pat_", 48, Alnum, "token of Coze").digit(),
    shape("app-", 24, Alnum, "key of Dify").run(24),
    shape("dataset-", 24, Alnum, "key of Dify").run(24),
    shape("fastgpt-", 32, Alnum, "key of FastGPT").digit(),
    shape("qyapi.weixin.qq.com/cgi-bin/webhook/send?key=", 32, Url, "webhook of WeCom"),
    shape("open.feishu.cn/open-apis/bot/v2/hook/", 24, Url, "webhook of Feishu"),
    shape("open.larksuite.com/open-apis/bot/v2/hook/", 24, Url, "webhook of Lark"),
    // Clouds.
    shape("AKIA", 16, Capitals, "access key of AWS"),
    shape("ASIA", 16, Capitals, "access key of AWS"),
    shape("ABIA", 16, Capitals, "access key of AWS"),
    shape("ACCA", 16, Capitals, "access key of AWS"),
    shape("ABSK", 100, Base64, "key of AWS Bedrock"),
    shape("ya29.", 20, Url, "token of Google"),
    shape("GOCSPX-", 20, Url, "client secret of Google"),
    shape("dop_v1_", 40, Hex, "token of DigitalOcean"),
    shape("doo_v1_", 40, Hex, "token of DigitalOcean"),
    shape("dor_v1_", 40, Hex, "token of DigitalOcean"),
    shape("hvs.", 24, Url, "token of Vault"),
    shape("hvb.", 24, Url, "token of Vault"),
    shape("HRKU-", 36, Url, "key of Heroku"),
    shape("dapi", 32, Hex, "token of Databricks").digit(),
    shape("sbp_", 40, Hex, "token of Supabase"),
    shape("sb_secret_", 20, Url, "key of Supabase"),
    shape("pscale_tkn_", 32, Dotted, "token of PlanetScale"),
    shape("pscale_pw_", 32, Dotted, "password of PlanetScale"),
    shape("dp.pt.", 40, Alnum, "token of Doppler"),
    shape("dp.st.", 40, Dotted, "token of Doppler"),
    // Code and packages.
    shape("ghp_", 30, Alnum, "token of GitHub"),
    shape("gho_", 30, Alnum, "token of GitHub"),
    shape("ghu_", 30, Alnum, "token of GitHub"),
    shape("ghs_", 30, Alnum, "token of GitHub"),
    shape("ghr_", 30, Alnum, "token of GitHub"),
    shape("github_pat_", 22, Url, "token of GitHub"),
    // Twenty letters, of which the last ones may be taken for a dash of the sentence.
    shape("glpat-", 16, Dotted, "token of GitLab"),
    shape("gldt-", 16, Url, "token of GitLab"),
    shape("glptt-", 16, Url, "token of GitLab"),
    shape("glrt-", 16, Dotted, "token of GitLab"),
    shape("glft-", 16, Url, "token of GitLab"),
    shape("glcbt-", 16, Url, "token of GitLab"),
    shape("glagent-", 40, Url, "token of GitLab"),
    shape("gloas-", 40, Url, "secret of GitLab"),
    shape("glffct-", 16, Url, "token of GitLab"),
    shape("glimt-", 16, Url, "token of GitLab"),
    shape("glsoat-", 16, Url, "token of GitLab"),
    shape("GR1348941", 16, Url, "token of GitLab"),
    shape("ATATT3", 60, Base64, "token of Atlassian"),
    shape("ATBB", 24, Alnum, "password of Bitbucket").digit(),
    shape("npm_", 30, Alnum, "token of npm"),
    shape("pypi-", 50, Url, "token of PyPI"),
    shape("rubygems_", 48, Hex, "key of RubyGems"),
    shape("dckr_pat_", 20, Url, "token of Docker"),
    shape("dckr_oat_", 20, Url, "token of Docker"),
    shape("AGE-SECRET-KEY-1", 58, Capitals, "key of age"),
    // Messages and mail.
    shape("xoxb-", 16, Url, "token of Slack"),
    shape("xoxa-", 12, Url, "token of Slack"),
    shape("xoxe-", 16, Url, "token of Slack"),
    shape("xoxe.", 16, Url, "token of Slack"),
    shape("xoxp-", 16, Url, "token of Slack"),
    shape("xoxo-", 16, Url, "token of Slack"),
    shape("xoxr-", 12, Url, "token of Slack"),
    shape("xoxs-", 16, Url, "token of Slack"),
    shape("xapp-", 16, Url, "token of Slack"),
    shape("hooks.slack.com/services/", 30, Base64, "webhook of Slack"),
    shape("discord.com/api/webhooks/", 60, Base64, "webhook of Discord"),
    // An id of Discord's, in base64: digits, the first of which is no zero.
    shape("MT", 50, Dotted, "token of Discord").with(Form::Parts),
    shape("Mj", 50, Dotted, "token of Discord").with(Form::Parts),
    shape("Mz", 50, Dotted, "token of Discord").with(Form::Parts),
    shape("ND", 50, Dotted, "token of Discord").with(Form::Parts),
    shape("NT", 50, Dotted, "token of Discord").with(Form::Parts),
    shape("Nj", 50, Dotted, "token of Discord").with(Form::Parts),
    shape("Nz", 50, Dotted, "token of Discord").with(Form::Parts),
    shape("OD", 50, Dotted, "token of Discord").with(Form::Parts),
    shape("OT", 50, Dotted, "token of Discord").with(Form::Parts),
    shape("SG.", 40, Dotted, "key of SendGrid"),
    shape("SK", 32, Hex, "key of Twilio").digit(),
    shape("xkeysib-", 64, Url, "key of Brevo"),
    // Payment, trade, watching, documents.
    shape("rk_live_", 16, Alnum, "key of Stripe"),
    shape("rk_test_", 16, Alnum, "key of Stripe"),
    shape("rk_prod_", 16, Alnum, "key of Stripe"),
    shape("whsec_", 24, Base64, "key of Stripe"),
    shape("sq0atp-", 20, Url, "token of Square"),
    shape("sq0csp-", 40, Url, "secret of Square"),
    shape("shpat_", 30, Hex, "token of Shopify"),
    shape("shpss_", 30, Hex, "secret of Shopify"),
    shape("shpca_", 30, Hex, "token of Shopify"),
    shape("shppa_", 30, Hex, "password of Shopify"),
    shape("NRAK-", 27, Capitals, "key of New Relic"),
    shape("sntrys_", 40, Base64, "token of Sentry"),
    shape("sntryu_", 64, Hex, "token of Sentry"),
    shape("glsa_", 32, Url, "token of Grafana"),
    shape("glc_", 32, Base64, "token of Grafana"),
    shape("PMAK-", 40, Url, "key of Postman"),
    shape("lin_api_", 30, Alnum, "key of Linear"),
    shape("ntn_", 40, Alnum, "token of Notion"),
    shape("secret_", 43, Alnum, "token of Notion").run(43),
    shape("figd_", 30, Url, "token of Figma"),
];

/// Whether the check sum in a token of GitHub is right: its last six characters are the CRC-32 (ISO 3309) of those
/// between the beginning and them, in base 62. One that is not right confirms nothing, and denies nothing: who shortens or
/// alters a token leaves most of it.
pub(super) fn is_github(body: &str) -> bool {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((random, sum)) = body.len().checked_sub(6).and_then(|at| body.split_at_checked(at)) else {
        return false;
    };
    let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte).map(|at| at as u64);
    let sum = sum.bytes().try_fold(0, |sum, byte| Some(sum * 62 + digit(byte)?));
    let mut crc = u32::MAX;
    for byte in random.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    sum == Some(u64::from(!crc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_beginnings_stand_before_shorter_ones() {
        for (at, shape) in SHAPES.iter().enumerate() {
            let hidden = SHAPES[..at].iter().find(|other| shape.begins.starts_with(other.begins));
            assert!(hidden.is_none(), "{} behind {}", shape.begins, hidden.map_or("", |other| other.begins));
        }
    }
}
